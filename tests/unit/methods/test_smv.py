"""SMV: its equations by hand, and its own properties."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract import fusions
from contract.training import assert_same_weights, start, trained
from equimodal import SMV, BalanceError, Balancer, LinearSplit, Regression
from equimodal.functional import extra_copies, repeated_share, sample_contributions
from unit.given_features import near

ENCODERS = {"audio": "audio_net", "video": "video_net"}
# Coalitions in the order of their numbers: none, a, v, av; and none, 1, 2, 12, 3, 13, 23, 123.
TWO = {  # (joint, a, v) right: contributions of a and v, copies of a and v
    (1, 1, 1): ((1, 1), (0, 0)), (1, 1, 0): ((1.5, 0.5), (0, 1)),
    (1, 0, 1): ((0.5, 1.5), (1, 0)), (1, 0, 0): ((1, 1), (0, 0)),
    (0, 1, 1): ((0, 0), (2, 2)), (0, 1, 0): ((0.5, -0.5), (1, 3)),
    (0, 0, 1): ((-0.5, 0.5), (3, 1)), (0, 0, 0): ((0, 0), (2, 2)),
}  # fmt: skip
THREE = {  # right of 123; 12, 13, 23; 1, 2, 3
    (1, 1, 1, 0, 1, 0, 0): (2, 0.5, 0.5), (1, 0, 0, 0, 0, 0, 0): (1, 1, 1),
    (1, 1, 0, 0, 1, 1, 0): (1.5, 1.5, 0), (0, 0, 1, 0, 0, 0, 1): (1 / 6, -5 / 6, 2 / 3),
}  # fmt: skip


@pytest.mark.parametrize("pattern", TWO)
def test_contributions_and_copies_of_two_by_hand(pattern):
    joint, a, v = pattern
    values = sample_contributions(torch.tensor([[0], [a], [v], [joint]]).bool())
    expected, copies = TWO[pattern]
    near(values, [list(expected)], 1e-12)
    assert extra_copies(values).tolist() == [list(copies)]


@pytest.mark.parametrize("pattern", THREE)
def test_contributions_of_three_by_hand(pattern):
    p = pattern
    right = torch.tensor([0, p[4], p[5], p[1], p[6], p[2], p[3], p[0]]).bool()[:, None]
    values = sample_contributions(right)
    near(values, [list(THREE[pattern])], 1e-6)
    if p[0] == 0:
        assert extra_copies(values).tolist() == [[2, 3, 1]]


def test_a_worth_of_one_is_the_game_of_a_port():
    right = torch.tensor([[0], [1], [1], [1]]).bool()
    values = sample_contributions(right, "one")
    near(values, [[0.5, 0.5]], 1e-12)
    assert extra_copies(values).tolist() == [[1, 1]]


def test_ends_of_the_bins():
    edges = torch.tensor([[-0.11, -0.1, 0.39], [0.4, 0.99, 1.0], [1 - 1e-9, 0.4 - 1e-9, 2.0]])
    assert extra_copies(edges.double()).tolist() == [[3, 2, 2], [1, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("means", "alpha", "rule", "expected"),
    [
        ((0.9, 0.4), 0.5, "linear", 0.166667), ((0.7, 0.7), 1.0, "linear", 0.0),
        ((1.2, 0.2), 0.5, "linear", 0.333333), ((0.9, 0.4), 0.5, "tanh", 0.165140),
        ((0.9, 0.4), 1.0, "power", 0.192450), ((0.9, 0.4, 0.5), 0.5, "linear", 0.166667),
    ],
)  # fmt: skip
def test_shares_by_hand(means, alpha, rule, expected):
    share = repeated_share(torch.tensor(means, dtype=torch.float64), alpha, rule)
    assert share == pytest.approx(expected, abs=1e-6)


def epoch_of(count, read, *, rows=None, names="av"):
    """The start of an epoch whose valuation has these rows."""
    recorded = {}
    return type("Start", (), {
        "modalities": type("Map", (), {"names": tuple(names)})(),
        "rows": count, "recorded": recorded,
        "record": lambda self, name, values: recorded.update({name: values}),
        "generator": lambda self, stream=0: torch.Generator().manual_seed(7),
        "by_row": lambda self, split, f: read,
        "each": lambda self, split, f, share: rows,
    })()  # fmt: skip


@pytest.mark.parametrize(
    ("count", "means", "copies"), [(1000, (0.9, 0.4), 166), (744, (1.2, 0.2), 248)]
)
def test_copies_of_the_modality_behind_by_hand(count, means, copies):
    sums = [torch.tensor([*means, 1.0], dtype=torch.float64) * 10]
    (block,) = SMV("modality", alpha=0.5).on_epoch_start(epoch_of(count, None, rows=sums))
    extra = block.kept[count:]
    assert len(extra) == copies
    assert extra.tolist() == [[False, True]] * copies
    assert block.index[:count].tolist() == list(range(count)) and block.kept[:count].all()
    assert block.index[count:].unique().numel() > copies / 2


def test_equal_modalities_get_no_copies():
    sums = [torch.tensor([8.0, 8.0, 10.0], dtype=torch.float64)]
    method = SMV("modality")
    (block,) = method.on_epoch_start(epoch_of(50, None, rows=sums))
    assert len(block.index) == 50 and not method.acted


def valued(patterns, present=(1, 1)):
    """What is read of rows with these patterns of (joint, a, v)."""
    rows = [[0, a, v, joint, *present] for joint, a, v in patterns]
    return torch.tensor(rows, dtype=torch.float64)


def items(block):
    """(row, modalities kept) of every item, in order."""
    return sorted((int(i), tuple(k)) for i, k in zip(block.index, block.kept.tolist(), strict=True))


def test_the_list_of_an_epoch_by_hand():
    (block,) = SMV().on_epoch_start(epoch_of(3, valued([(1, 1, 0), (0, 0, 1), (1, 1, 1)])))
    both, a, v = (True, True), (True, False), (False, True)
    assert items(block) == sorted(
        [(0, both), (1, both), (2, both), (0, v), (1, a), (1, a), (1, a), (1, v)]
    )
    assert block.shuffle


def test_a_sample_gets_no_copy_with_a_modality_that_it_lacks():
    (block,) = SMV().on_epoch_start(epoch_of(2, valued([(0, 0, 0)] * 2, present=(0, 1))))
    assert [kept for _, kept in items(block)] == [
        (False, True), (False, True), (True, True), (False, True), (False, True), (True, True)
    ]  # fmt: skip


def test_the_control_gives_as_many_copies_to_other_samples():
    patterns = list(itertools.product((0, 1), repeat=3)) * 5
    given = [
        SMV(choice=choice).on_epoch_start(epoch_of(40, valued(patterns)))[0]
        for choice in ("valued", "random")
    ]
    for m in range(2):
        alone = torch.eye(2, dtype=torch.bool)[m]
        counts = [torch.bincount(b.index[(b.kept == alone).all(1)], minlength=40) for b in given]
        assert counts[0].tolist() != counts[1].tolist()
        assert sorted(counts[0].tolist()) == sorted(counts[1].tolist())


def test_a_bias_is_whole_in_every_coalition():
    model = fusions.built(fusions.Concatenation)
    with torch.no_grad():
        model.fc.weight.zero_()
        model.fc.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    audio, video, labels = fusions.batch()
    data = fusions.Rows(audio=audio, video=video, labels=labels)
    for readout in (LinearSplit("fc"), None):
        balancer = Balancer(
            model, SMV(), ENCODERS, readout, loaders={"train": [(audio, video, labels)]}
        )
        list(balancer.batches(data, batch_size=24))
        (row,) = (r for r in balancer.decisions.records if r.name == "contribution")
        # One class of three: both modalities contribute 1 to it, 0 to the others.
        near(row.values, [1 / 3, 1 / 3])
        balancer.detach()


def test_the_warm_up_is_joint_training_bit_for_bit():
    joint, smv = (trained(n, epochs=2, settings=s) for n, s in (
        ("joint", {}), ("smv", {"warm_up": 0.9}),
    ))  # fmt: skip
    assert_same_weights(joint.weights, smv.weights)
    assert not smv.balancer.setting.method.acted
    assert trained("smv", epochs=2, settings={"warm_up": 0.0}).balancer.setting.method.acted


def test_copies_make_the_epoch_longer():
    training = start("smv", settings={"warm_up": 0.0})
    batches = list(training.balancer.batches(training.data, batch_size=16))
    records = {r.name: r.values for r in training.balancer.decisions.records}
    extra = float(records["copies"].sum()) * 96
    assert sum(len(y) for _, y in batches) == 96 + round(extra)
    assert extra > 0


@given(st.lists(st.booleans(), min_size=7, max_size=7), st.permutations(range(3)))
def test_contributions_sum_to_the_joint_prediction_and_follow_the_modalities(right, order):
    worths = torch.tensor([False, *right])[:, None]
    values = sample_contributions(worths)[0]
    assert float(values.sum()) == pytest.approx(3.0 * worths[-1].item(), abs=1e-12)
    moved = [sum(1 << order.index(m) for m in range(3) if s >> m & 1) for s in range(8)]
    changed = torch.zeros_like(worths)
    changed[moved] = worths
    assert torch.allclose(sample_contributions(changed)[0], values[list(order)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"level": "row"}, "SMV level must be one of sample, modality"),
        ({"worth": "all"}, "SMV worth must be one of size, one"),
        ({"alpha": 2.0}, "SMV alpha has no effect at level='sample'"),
        ({"level": "modality", "choice": "random"}, "choice has no effect at level='modality'"),
        ({"level": "modality", "part": 0.0}, "SMV part"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(BalanceError, match=words):
        SMV(**arguments)


def test_what_has_no_meaning_is_refused():
    with pytest.raises(BalanceError, match="whether one class a sample is right"):
        start("smv", task=Regression())
    with pytest.raises(BalanceError, match=r"each of 2\^M coalitions"):
        sample_contributions(torch.zeros(3, 4, dtype=torch.bool))
