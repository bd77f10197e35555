"""MIDAS: its terms by hand, and its own properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, start, trained
from equimodal import MIDAS, BalanceError, MultiLabel
from equimodal.balancing.readouts import Readout
from equimodal.functional import label_shares, misaligned_losses
from unit.given_features import bound, near, rows

Z1, Z2 = rows([[1, 0], [0, 2], [1, 1]], [[0, 1], [3, 0], [1, 0]])
U1, U2 = rows([[2, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 0, 0], [0, 2, 0], [1, 0, 0]])
Y, PARTNER = torch.tensor([0, 1, 2]), torch.tensor([1, 2, 0])
W = {"a": [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], "v": [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]}
C1 = torch.tensor([0.786986, 0.576117, 0.576117], dtype=torch.float64)
C2 = torch.tensor([0.786986, 0.211942, 0.333333], dtype=torch.float64)


class Heads(Readout):
    """Unimodal logits that are given."""

    def __call__(self, modalities, features):
        return {m: u + 0 * features[m].sum() for m, u in (("a", U1), ("v", U2))}


@pytest.fixture
def one_kind(monkeypatch):
    """Rows of the first kind alone, with the partners of the hand computation."""
    plain = MIDAS._misaligned
    monkeypatch.setattr(MIDAS, "_sources", lambda *_: [torch.arange(3), PARTNER])
    monkeypatch.setattr(
        MIDAS, "_misaligned",
        lambda self, step, own, alpha, kind: plain(self, step, own, alpha, kind) * (kind == 0),
    )  # fmt: skip


def loss(method):
    model, balancer = bound(method, W, [0.0, 0.0, 0.0], readout=Heads())
    return float(balancer.loss(model(Z1, Z2), Y).detach())


def test_shares_by_hand():
    shares = label_shares(torch.stack([C1, C2], 1))
    near(shares[:, 0], [0.5, 0.731059, 0.633478])
    near(label_shares(rows([[0.9, 0.3]])[0]), [[0.75, 0.25]])


LOGITS = torch.tensor([[4, 0, 0], [1, 2, 0], [1, 2, 0]], dtype=torch.float64)
SHARES = torch.tensor(
    [[0.5, 0.5], [0.7310586, 0.2689414], [0.633478, 0.366522]], dtype=torch.float64
)


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [([1.0, 1.0], [2.035976, 0.945489, 2.041084]), ([1.0, 1.5], [3.044970, 1.269241, 2.299043])],
)
def test_losses_by_hand(alpha, expected):
    # Confidences of the source rows: c^1 of row i, c^2 of its partner.
    logits = LOGITS
    labels = torch.stack([Y, Y[PARTNER]], 1)
    c1 = U1.softmax(1).gather(1, Y[:, None]).squeeze(1)
    c2 = U2.softmax(1).gather(1, Y[:, None]).squeeze(1)[PARTNER]
    shares = label_shares(torch.stack([c1, c2], 1))
    found = misaligned_losses(logits, labels, shares, torch.tensor(alpha, dtype=torch.float64))
    near(found, expected)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, 0.315163), ({"hardness": "none"}, 1.674183), ({"hardness": "raw"}, 0.315163)],
)
def test_the_misaligned_loss_by_hand(one_kind, settings, expected):
    near(loss(MIDAS(**settings)) - loss(MIDAS(0.0)), expected)


def test_alpha_by_hand(one_kind):
    model, balancer = bound(MIDAS(), W, [0.0, 0.0, 0.0], readout=Heads())
    balancer.loss(model(Z1, Z2), Y)
    near(balancer.setting.method.state["alpha"], [1.0, 1.004454])
    balancer.setting.method.state["alpha"] = torch.tensor([1.0, 1.5])
    plain = loss(MIDAS(0.0))
    near(float(balancer.loss(model(Z1, Z2), Y).detach()) - plain, 0.423080)


def test_alpha_begins_anew_in_each_epoch_and_is_never_below_one():
    method = MIDAS()
    method._follow(torch.tensor([2.0, 1.4, 0.6, 0.2, 1.8]), torch.tensor([1.0, 1.2]))
    near(method.state["alpha"], [1.0, 1.2 - 0.05 * 0.6], 1e-6)
    method._follow(torch.tensor([2.0, 0.6, 1.4, 1.8, 0.2]), torch.tensor([1.0, 1.2]))
    near(method.state["alpha"], [1.0, 1.0], 1e-6)
    method.state["alpha"] = torch.tensor([1.0, 1.2])
    method._follow(torch.zeros(5), torch.tensor([1.0, 1.3]))
    near(method.state["alpha"], [1.0, 1.3], 1e-6)
    method.on_epoch_start(None)
    assert method.state["alpha"] is None


def test_labels_that_are_all_equal_make_no_misaligned_row():
    model, balancer = bound(MIDAS(), W, [0.0, 0.0, 0.0])
    other, plain = bound(MIDAS(0.0), W, [0.0, 0.0, 0.0])
    same = torch.zeros(3, dtype=torch.long)
    near(balancer.loss(model(Z1, Z2), same), plain.loss(other(Z1, Z2), same).detach(), 1e-12)
    near(balancer.setting.method.state["alpha"], [1, 1])


def test_rows_that_lack_a_modality_are_in_no_misaligned_row(monkeypatch):
    partner = torch.tensor([1, 0, 2])  # the last row would be of one label
    monkeypatch.setattr(MIDAS, "_sources", lambda *_: [torch.arange(3), partner])
    model, balancer = bound(MIDAS(hardness="none"), W, [0.0, 0.0, 0.0])
    other, plain = bound(MIDAS(0.0), W, [0.0, 0.0, 0.0])
    for rows_without, equal in (([0, 1], True), ([0], False)):
        present = torch.ones(3, 2, dtype=torch.bool)
        present[rows_without, 0] = False
        found = balancer.loss(model(Z1, Z2), Y, present).detach()
        wanted = plain.loss(other(Z1, Z2), Y, present).detach()
        assert torch.allclose(found, wanted) == equal


def test_without_weight_it_is_joint_training_with_unimodal_losses_bit_for_bit():
    assert_same_weights(trained("joint+unimodal").weights, trained("midas-warm").weights)


def test_the_warm_up_trains_the_unimodal_losses_alone():
    training = start("midas", settings={"warm_up": 0.5}, epochs=4)
    inputs, labels = training.data.inputs, training.data.labels
    found = training.balancer.loss(training.model(inputs), labels)
    output = training.model(inputs)
    weight, bias = training.model.head.weight, training.model.head.bias / 2
    own = [f @ weight[:, 6 * k : 6 * k + 6].T + bias for k, f in enumerate(output.features)]
    ce = torch.nn.functional.cross_entropy
    near(found, ce(own[0], labels) + ce(own[1], labels), 1e-12)
    training.balancer.epoch_index = 2
    assert training.balancer.loss(training.model(inputs), labels) > found


@given(st.integers(2, 4), st.integers(0, 99))
def test_kinds_are_mirrors_and_one_modality_stays(count, seed):
    method = MIDAS()
    step = type("Step", (), {
        "target": torch.arange(7), "modalities": type("Map", (), {"names": range(count)}),
        "generator": lambda self, stream=0: torch.Generator().manual_seed(100 * seed + stream),
    })()  # fmt: skip
    kinds = [method._sources(step, k) for k in range(count)]
    for k, sources in enumerate(kinds):
        assert sources[k].tolist() == list(range(7))
        assert all(sorted(rows_.tolist()) == list(range(7)) for rows_ in sources)
        for m in range(count):
            assert torch.equal(sources[m], kinds[0][(m - k) % count])


def test_no_gradient_goes_through_shares_and_hardness(one_kind):
    model, balancer = bound(MIDAS(hardness="raw", eta=0.0), W, [0.0, 0.0, 0.0], readout=Heads())
    seen = []
    method = balancer.setting.method
    plain = method._weights
    method._weights = lambda *a: seen.append(plain(*a)) or seen[-1]
    balancer.loss(model(Z1, Z2), Y)
    assert not any(w.requires_grad for w in seen)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MIDAS(0.0, 0.1), "eta has no effect with lam=0"),
        (lambda: MIDAS(hardness="soft"), "positive, raw, shifted, none"),
        (lambda: misaligned_losses(LOGITS, Y[:, None], SHARES, torch.ones(2)), "must be"),
        (lambda: start("midas", task=MultiLabel()), "one class"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
