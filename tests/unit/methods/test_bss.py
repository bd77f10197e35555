"""BSS: its equations by hand, and its own properties."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, run, start, trained
from equimodal import BSS, BalanceError, Regression
from equimodal.functional import agreement, curriculum_share, draw_chances, spread_out
from equimodal.methods.bss import _drawn
from unit.given_features import bound, near, rows

A, V = rows(
    [[2, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], [[0, 1, 0], [0, 2, 0], [3, 0, 0], [1, 1, 1]]
)
T = torch.tensor([[0, 0, 3], [0, 1, 0], [0, 0, 2], [1, 1, 1]], dtype=torch.float64)
Y = torch.tensor([0, 1, 2, 0])
C = [0.481835, 0.958067, 0.385814, 1.0]
L = {0.1: [1.652651, 0.721383, 3.498716, 2.087363], 1: [2.198595, 0.885912, 5.816214, 3.295837]}


def losses(fused, own):
    """Weighted cross-entropies of the rows above, whose fused logits are the sums."""
    each = [torch.nn.functional.cross_entropy(z, Y, reduction="none") for z in (A + V, A, V)]
    return fused * each[0] + own * (each[1] + each[2])


def test_agreements_by_hand():
    near(agreement([A, V]), C)
    near(agreement([A, V, T]), [0.351874, 0.972045, 0.510619, 1])


def read(unimodal_weight):
    """What BSS reads of a model whose logits are the given ones."""
    eye = torch.eye(3).tolist()
    train = [(A[:3], V[:3], Y[:3]), (A[3:], V[3:], Y[3:])]
    method = BSS(unimodal_weight=unimodal_weight)
    _model, balancer = bound(method, {"a": eye, "v": eye}, [0, 0, 0], train=train, epochs=120)
    found = {}
    method.on_epoch_start = lambda epoch: found.update(zip("cl", method._read(epoch), strict=True))
    next(balancer.batches(Tensors(), batch_size=4))
    return found["c"], found["l"]


class Tensors:
    """The rows above as a data set of items."""

    def __len__(self):
        return len(Y)

    def __getitem__(self, index):
        return {"a": A[index], "v": V[index]}, Y[index]


@pytest.mark.parametrize(("weight", "scale", "key"), [(9.0, 0.1, 0.1), (1.0, 1.0, 1)])
def test_both_views_by_hand_as_a_model_gives_them(weight, scale, key):
    c, l = read(weight)  # noqa: E741
    near(c, C)
    near(scale * l, L[key])


def test_the_spread_by_hand():
    near(spread_out(torch.tensor(C, dtype=torch.float64)), [0.156337, 0.931726, 0, 1])
    near(spread_out(losses(0.1, 0.9)), [0.335310, 0, 1, 0.491832])
    near(spread_out(torch.full((3,), 2.0)), [0.0, 0, 0])


def epoch_of(c, l, *, number=0, total=120):  # noqa: E741
    recorded = {}
    return type("Start", (), {
        "modalities": type("Map", (), {"names": ("a", "v")})(),
        "epoch_index": number, "total_epochs": total, "recorded": recorded,
        "record": lambda self, name, v: recorded.update({name: v}),
        "generator": lambda self, stream=0: torch.Generator().manual_seed(number),
        "by_row": lambda self, split, f: torch.stack([c, l], 1),
    })()  # fmt: skip


GIVEN = torch.tensor(C, dtype=torch.float64), losses(0.1, 0.9)


def test_the_order_by_hand():
    near(BSS()._difficulty(None, *GIVEN), [1.178973, 0.068274, 2, 0.491832])
    method = BSS(start_share=1.0)
    (block,) = method.on_epoch_start(epoch_of(*GIVEN))
    assert block.index.tolist() == [1, 3, 0, 2] and block.shuffle and block.kept is None
    (block,) = BSS(start_share=1.0, difficulty="loss").on_epoch_start(epoch_of(*GIVEN))
    assert block.index.tolist() == [1, 0, 3, 2]


@pytest.mark.parametrize(
    ("epoch", "share", "count"),
    [
        (0, 0.186414, 138), (1, 0.243926, 181), (9, 0.507445, 377), (19, 0.710634, 528),
        (38, 0.987547, 734), (39, 1.0, 744), (119, 1.0, 744),
    ],
)  # fmt: skip
def test_the_curriculum_by_hand(epoch, share, count):
    assert curriculum_share(epoch, 40) == pytest.approx(share, abs=1e-6)
    method = BSS()
    method.state["first"] = 0
    method.snapshots = {"order": torch.arange(744)}
    if epoch:
        (block,) = method.on_epoch_start(epoch_of(*GIVEN, number=epoch))
        assert block.index.tolist() == list(range(count))
    else:
        again = torch.zeros(744, dtype=torch.float64)
        (block,) = method.on_epoch_start(epoch_of(again, again))
        assert len(block.index) == count


def test_the_curriculum_begins_where_the_method_does():
    method = BSS()
    order = torch.arange(100, dtype=torch.float64)
    lengths = [
        len(method.on_epoch_start(epoch_of(-order, order, number=n))[0].index) for n in (30, 31)
    ]
    assert lengths == [18, 24]


def test_chances_by_hand_and_the_mean_places_of_the_draws():
    chances = draw_chances(*GIVEN)
    near(chances, [0.193221, 0.451467, 0.002325, 0.352987])
    draw = torch.Generator().manual_seed(0)
    places = torch.stack([_drawn(chances, draw).argsort() for _ in range(20_000)]).double().mean(0)
    near(places, [1.358, 0.745, 2.976, 0.921], 0.02)


def test_equal_samples_are_drawn_evenly():
    same = torch.ones(4, dtype=torch.float64)
    near(draw_chances(same, same), [0.25] * 4, 1e-12)
    near(BSS()._difficulty(None, same, same), [1.0] * 4, 1e-12)


def test_a_drawn_order_holds_every_sample_once_and_is_kept():
    training = start("bss-learned")
    training.data.labels.copy_(torch.arange(96) % 3)
    drawn = []
    method = training.balancer.setting.method
    plain = method.on_epoch_start
    method.on_epoch_start = lambda epoch: drawn.append(plain(epoch)) or drawn[-1]
    labels = torch.cat([y for _, y in training.balancer.batches(training.data, batch_size=16)])
    ((block,),) = drawn
    assert sorted(block.index.tolist()) == list(range(96)) and not block.shuffle
    assert torch.equal(labels, training.data.labels[block.index])


def test_subsets_are_nested_and_ranked_once_unless_asked():
    def lists(**settings):
        training = start("bss", epochs=12, settings={"start_share": 0.2, "growth": 1.0, **settings})
        found, method = [], training.balancer.setting.method
        plain = method.on_epoch_start
        method.on_epoch_start = lambda epoch: found.append(plain(epoch)) or found[-1]
        run(training, 3)
        return [block.index.tolist() for (block,) in found]

    once, again = lists(), lists(every=1)
    assert [len(index) for index in once] == [len(index) for index in again]
    assert all(a == b[: len(a)] for a, b in itertools.pairwise(once))
    assert once[0] == again[0] and again[1] != again[2][: len(again[1])]


def test_the_control_is_as_long_and_in_no_order():
    training, other = start("bss", epochs=12), start("bss-random", epochs=12)
    counts = []
    for one in (training, other):
        counts.append(sum(len(y) for _, y in one.balancer.batches(one.data, batch_size=16)))
    assert counts[0] == counts[1] < 96
    orders = [one.balancer.setting.method.snapshots["order"].tolist() for one in (training, other)]
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])


def test_drawn_at_random_it_is_the_objective_in_another_order():
    one = trained("bss-learned", epochs=1, settings={"difficulty": "random"})
    assert one.balancer.step_index == 6
    joint = trained("joint+unimodal", epochs=1, batch_size=96)
    whole = trained("bss-learned", epochs=1, batch_size=96)
    for n, w in joint.weights.items():
        torch.testing.assert_close(whole.weights[n], w, rtol=0, atol=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=12), st.floats(0.1, 9), st.floats(-3, 3))
def test_the_order_does_not_change_with_an_affine_map_of_the_loss(values, scale, shift):
    l = torch.tensor(values, dtype=torch.float64).round(decimals=3)  # noqa: E741
    c = torch.linspace(0, 1, len(values), dtype=torch.float64)
    chances = draw_chances(c, l)
    assert torch.allclose(draw_chances(c, scale * l + shift), chances, atol=1e-9)
    assert float(chances.sum()) == pytest.approx(1.0)
    assert float(chances.min()) > 0


@given(st.integers(0, 200), st.floats(0.5, 100), st.floats(0, 1))
def test_the_share_never_falls_and_ends_at_one(epoch, epochs, begin):
    now, later = (curriculum_share(e, epochs, begin) for e in (epoch, epoch + 1))
    assert begin - 1e-12 <= now <= later <= 1
    assert curriculum_share(int(epochs) + 1, epochs, begin) == 1


@given(st.permutations(range(3)))
def test_agreement_does_not_know_the_order_of_the_modalities(order):
    logits = [A, V, T]
    near(agreement([logits[k] for k in order]), agreement(logits), 1e-12)


def test_a_window_outside_is_the_objective_bit_for_bit():
    joint = trained("joint+unimodal", epochs=2)
    late = trained("bss", epochs=2, settings={"warm_up": 0.9})
    assert_same_weights(joint.weights, late.weights)
    assert not late.balancer.setting.method.acted


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"order": "hard"}, "curriculum, drawn"), ({"difficulty": "x"}, "balance, loss, random"),
        ({"start_share": 0.0}, "start_share"), ({"growth": 1.5}, "growth"), ({"every": 0}, "every"),
        ({"order": "drawn", "growth": 0.5}, "growth has no effect with order='drawn'"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(BalanceError, match=words):
        BSS(**arguments)


def test_what_has_no_meaning_is_refused():
    with pytest.raises(BalanceError, match="distributions over one class"):
        start("bss", task=Regression())
    with pytest.raises(BalanceError, match="two modalities or more"):
        agreement([A])
    with pytest.raises(BalanceError, match="a loss for each agreement"):
        draw_chances(torch.rand(3), torch.rand(4))
