"""CML: its equations by hand, and its own properties."""

from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import start
from equimodal import CML, BalanceError, Regression
from equimodal.functional import confidence_rises
from unit.given_features import bound, near, rows

FULL, SUBSET = rows([[1, 0], [2, 0], [0, 1], [0, 0.5]], [[2, 0], [1, 0], [1, 0], [3, 0]])
Y = torch.zeros(4, dtype=torch.long)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("right", [0.149738, 0, 0, 0]),
        ("both", [0.149738, 0, 0, 0]),
        ("none", [0.149738, 0, 0, 0.330115]),
    ],
)
def test_rises_by_hand(mask, expected):
    near(confidence_rises(FULL, SUBSET, Y, mask), expected)


def test_the_mean_of_all_rises_by_hand():
    near(confidence_rises(FULL, SUBSET, Y, "none").mean(), 0.119963)


def test_the_gradient_by_hand():
    full, subset = FULL.clone().requires_grad_(), SUBSET.clone().requires_grad_()
    confidence_rises(full, subset, Y).sum().backward()
    near(full.grad[0], [-0.196612, 0.196612])
    near(subset.grad[0], [0.104994, -0.104994])
    assert not full.grad[1:].any() and not subset.grad[1:].any()


def test_a_wrong_confidence_of_the_full_set_is_not_raised():
    full = torch.tensor([[0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    subset = torch.tensor([[0.0, 3.0]], dtype=torch.float64, requires_grad=True)
    found = confidence_rises(full, subset, Y[:1])
    found.sum().backward()
    assert found > 0 and not full.grad.any() and subset.grad.any()
    confidence_rises(full, subset, Y[:1], "both").sum().backward()
    assert full.grad.any()


def test_equal_logits_have_no_rise_and_no_gradient():
    full, subset = FULL.clone().requires_grad_(), FULL.clone().requires_grad_()
    for mask in ("right", "both", "none"):
        confidence_rises(full, subset, Y, mask).sum().backward()
    assert not full.grad.any() and not subset.grad.any()


def test_a_loss_of_two_modalities_by_hand(monkeypatch):
    # a's part alone is the subset; v's is what the full logits have besides. v is dropped.
    monkeypatch.setattr(CML, "_places", lambda *_: torch.tensor([[1, 0]] * 4))
    eye = [[1.0, 0.0], [0.0, 1.0]]
    for lam, expected in ((0.1, 0.444939), (0.0, 0.441196)):
        model, balancer = bound(CML(lam), {"a": eye, "v": eye}, [0.0, 0.0])
        near(balancer.loss(model(SUBSET, FULL - SUBSET), Y), expected)


def test_a_chain_of_three_by_hand(monkeypatch):
    monkeypatch.setattr(CML, "_places", lambda *_: torch.tensor([[1, 0, 2]]))
    eye = torch.eye(3).tolist()
    parts = rows([[1, 0, 0]], [[0, 1, 0]], [[2, 0, 0]])
    model, balancer = bound(CML(1.0), dict.fromkeys("avt", eye), [0.0] * 3)
    near(balancer.loss(model(*parts), Y[:1]), 0.168105 + 0.065648)


def test_a_rise_is_from_one_set_to_the_next(monkeypatch):
    # Confidence falls from all to two, and rises to one again, below that of all.
    monkeypatch.setattr(CML, "_places", lambda *_: torch.tensor([[2, 1, 0]]))
    eye = torch.eye(2).tolist()
    parts = rows([[2, 0]], [[-1, 0]], [[3, 0]])
    found = []
    for lam in (0.0, 1.0):
        model, balancer = bound(CML(lam), dict.fromkeys("avt", eye), [0.0] * 2)
        found.append(balancer.loss(model(*parts), Y[:1]))
    two, one = (torch.tensor([x, 0.0]).double().softmax(0)[0] for x in (1, 2))
    near(found[1] - found[0], one - two, 1e-12)


def test_the_whole_bias_stays_with_every_set(monkeypatch):
    monkeypatch.setattr(CML, "_places", lambda *_: torch.tensor([[0, 1]] * 4))
    eye = [[1.0, 0.0], [0.0, 1.0]]
    model, balancer = bound(CML(0.0), {"a": eye, "v": eye}, [0.7, -0.2])
    loss = balancer.loss(model(SUBSET, FULL), Y)
    bias = torch.tensor([0.7, -0.2], dtype=torch.float64)
    ce = torch.nn.functional.cross_entropy
    near(loss, (ce(SUBSET + FULL + bias, Y) + ce(FULL + bias, Y)) / 2, 1e-12)


def places(present, seed=0):
    method = CML()
    step = type("Step", (), {"generator": lambda self, stream=0: torch.Generator().manual_seed(
        seed), "modalities": type("Map", (), {"names": range(present.shape[1])})})()  # fmt: skip
    return method._places(step, present)


@given(st.integers(2, 4), st.integers(0, 99))
def test_each_row_drops_one_more_modality_that_it_has(count, seed):
    present = torch.rand(50, count, generator=torch.Generator().manual_seed(seed)) < 0.7
    left = places(present, seed)
    for row, held in zip(left.tolist(), present.tolist(), strict=True):
        mine = sorted(k for k, there in zip(row, held, strict=True) if there)
        assert mine == list(range(sum(held)))
        assert all(k == count for k, there in zip(row, held, strict=True) if not there)


def test_every_order_is_as_likely():
    left = places(torch.ones(6000, 3, dtype=torch.bool))
    _, counts = torch.unique(left, dim=0, return_counts=True)
    assert len(counts) == 6 and (counts - 1000).abs().max() < 150


def test_a_row_with_one_modality_has_its_own_class_loss_alone():
    eye = [[1.0, 0.0], [0.0, 1.0]]
    model, balancer = bound(CML(1.0, mask="none"), {"a": eye, "v": eye}, [0.0, 0.0])
    present = torch.tensor([[True, False]] * 4)
    logits = model(SUBSET, FULL)
    near(balancer.loss(logits, Y, present), torch.nn.functional.cross_entropy(logits, Y), 1e-12)


PRESENT = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1], [1, 1, 0]]).bool()


@pytest.mark.parametrize("present", [None, PRESENT], ids=["all", "missing"])
@pytest.mark.parametrize("mask", ["right", "both", "none"])
def test_all_pairs_are_the_mean_over_all_chains(monkeypatch, mask, present):
    draw = torch.Generator().manual_seed(3)
    features = [torch.randn(6, 2, generator=draw).double() for _ in "avt"]
    heads = {m: torch.randn(3, 2, generator=draw).tolist() for m in "avt"}
    labels = torch.arange(6) % 3

    def loss(**options):
        model, balancer = bound(CML(0.7, mask=mask, **options), heads, [0.2, 0.0, -0.1])
        found = balancer.loss(model(*features), labels, present)
        found.backward()
        return found.detach(), model.head.weight.grad

    there = torch.ones(6, 3).bool() if present is None else present
    chains = []
    for order in permutations(range(3)):
        ranked = torch.tensor(order).expand(6, 3).masked_fill(~there, 9).argsort(1).argsort(1)
        places = ranked.masked_fill(~there, 3)
        monkeypatch.setattr(CML, "_places", lambda *_, places=places: places)
        chains.append(loss())
    value, gradient = loss(pairs="all")
    near(value, torch.stack([v for v, _ in chains]).mean(), 1e-12)
    near(gradient, torch.stack([g for _, g in chains]).mean(0), 1e-12)


def test_all_pairs_of_rows_with_one_modality_each_have_no_rise():
    eye = [[1.0, 0.0], [0.0, 1.0]]
    method = CML(1.0, mask="none", pairs="all")
    model, balancer = bound(method, {"a": eye, "v": eye}, [0.0, 0.0])
    present = torch.tensor([[True, False], [False, True]] * 2)
    logits = model(SUBSET, FULL)
    near(balancer.loss(logits, Y, present), torch.nn.functional.cross_entropy(logits, Y), 1e-12)


@given(st.integers(0, 999))
def test_a_rise_is_never_negative_and_none_where_confidence_falls(seed):
    draw = torch.Generator().manual_seed(seed)
    full = 3 * torch.randn(6, 3, generator=draw, dtype=torch.float64)
    for mask in ("right", "both", "none"):
        other = torch.randn(6, 3, generator=draw, dtype=torch.float64)
        assert (confidence_rises(full, other, torch.arange(6) % 3, mask) >= 0).all()
        assert not confidence_rises(full, full / 2, torch.arange(6) % 3, mask).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: CML(mask="left"), "right, both, none"),
        (lambda: CML(pairs="some"), "chain, all"),
        (lambda: CML(0.0, mask="none"), "mask has no effect with lam=0"),
        (lambda: confidence_rises(FULL, SUBSET[:2], Y), "must be"),
        (lambda: start("cml", task=Regression()), "one class a sample"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
