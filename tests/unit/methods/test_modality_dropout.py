import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from contract.training import assert_same_weights, start, trained
from equimodal import BalanceError, Balancer, LinearSplit
from equimodal.functional import drop_probabilities, kept_modalities, true_drop_rates
from equimodal.methods.modality_dropout import AdaptiveModalityDropout, ModalityDropout
from unit.two_encoders import Net

ENCODERS = {"a": "a", "b": "b"}


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def draws(rows, modalities, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(rows, modalities + 1, generator=generator)


def pattern_shares(rates, rows=200_000):
    """Shares of the patterns of what is kept."""
    kept = kept_modalities(tensor(*rates), draws(rows, len(rates)))
    each = kept.long() @ (2 ** torch.arange(len(rates) - 1, -1, -1))
    counts = torch.bincount(each, minlength=2 ** len(rates)) / rows
    return dict(zip(product((0, 1), repeat=len(rates)), counts.tolist(), strict=True))


PATTERNS = [
    ((0.2, 0.2), {(1, 1): 0.64, (1, 0): 0.18, (0, 1): 0.18}, (0.18, 0.18)),
    ((0.5, 0.5), {(1, 1): 0.25, (1, 0): 0.375, (0, 1): 0.375}, (0.375, 0.375)),
    ((0.5, 0.1), {(1, 1): 0.45, (0, 1): 0.475, (1, 0): 0.075}, (0.475, 0.075)),
    (
        (0.2, 0.2, 0.2),
        {(1, 1, 1): 0.512, (1, 1, 0): 0.128, (0, 1, 1): 0.128, (1, 0, 1): 0.128,
         (1, 0, 0): 0.034667, (0, 1, 0): 0.034667, (0, 0, 1): 0.034667},
        (0.197333,) * 3,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rates", "shares", "dropped"), PATTERNS)
def test_patterns_come_as_often_as_their_chances_say(rates, shares, dropped):
    found = pattern_shares(rates)
    assert found[(0,) * len(rates)] == 0
    for pattern, chance in shares.items():
        assert found[pattern] == pytest.approx(chance, abs=4 * math.sqrt(chance / 200_000))
    assert true_drop_rates(tensor(*rates)).tolist() == pytest.approx(dropped, abs=1e-6)


def test_a_row_that_would_lose_all_of_three_keeps_one():
    kept = kept_modalities(tensor(0.999, 0.999, 0.999), draws(200, 3))
    assert (kept.sum(1) == 1).float().mean() > 0.98
    assert kept.any(1).all()
    assert kept.any(0).all()
    free = kept_modalities(tensor(0.999, 0.999, 0.999), draws(200, 3), at_least_one=False)
    assert not free.any(1).all()


def test_what_is_missing_is_never_restored():
    present = torch.tensor([[True, False]]).expand(100, 2)
    kept = kept_modalities(tensor(0.9, 0.9), draws(100, 2), present=present)
    assert torch.equal(kept, present)


@given(st.lists(st.floats(0, 0.99), min_size=2, max_size=5), st.integers(0, 99))
def test_every_row_keeps_one_of_what_it_has(rates, seed):
    present = torch.rand(40, len(rates), generator=torch.Generator().manual_seed(seed)) < 0.6
    present[~present.any(1), 0] = True
    kept = kept_modalities(tensor(*rates), draws(40, len(rates), seed), present=present)
    assert kept.any(1).all()
    assert not (kept & ~present).any()


class Heads(torch.nn.Module):
    """Encoders that give what they get, and a head [I I]."""

    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
        self.head = torch.nn.Linear(4, 2, bias=False)
        with torch.no_grad():
            self.a.weight.copy_(torch.eye(2))
            self.b.weight.copy_(torch.eye(2))
            self.head.weight.copy_(torch.eye(2).repeat(1, 2))

    def forward(self, a, b):
        return self.head(torch.cat([self.a(a), self.b(b)], 1))


A, V, Y = tensor((1, 0), (0, 2)), tensor((0, 1), (3, 0)), torch.tensor([0, 1])


class Given(ModalityDropout):
    """Keeps what it is told."""

    def _draw(self, passing, probabilities, rows):
        return torch.tensor([[True, False], [False, True]])


def test_logits_and_losses_of_kept_features():
    net = Heads().double()
    balancer = Balancer(net, Given(), ENCODERS, LinearSplit("head"), objective="fused+unimodal")
    out = net(A, V)
    assert out.tolist() == [[1, 0], [3, 0]]
    each = cross_entropy(out, Y, reduction="none").tolist()
    assert each == pytest.approx([0.313262, 3.048587], abs=1e-6)
    assert cross_entropy(out, Y).item() == pytest.approx(1.680925, abs=1e-6)
    assert cross_entropy(Heads().double()(A, V), Y).item() == pytest.approx(1.003204, abs=1e-6)
    # Own losses are of the row in which each was kept: here the fused losses of one row each.
    loss = balancer.loss(out, Y)
    assert loss.item() == pytest.approx(1.680925 + 0.313262 + 3.048587, abs=1e-6)
    loss.backward()
    alone = Heads().double()
    (cross_entropy(alone.head(torch.cat([alone.a(A[:1]), 0 * V[:1]], 1)), Y[:1]) * 1.5).backward()
    torch.testing.assert_close(net.a.weight.grad, alone.a.weight.grad)


def test_a_dropped_row_gives_its_encoder_no_gradient():
    net = Heads().double()
    Balancer(net, Given(), ENCODERS)
    a = A.clone().requires_grad_()
    net(a, V).square().sum().backward()
    assert a.grad[0].any() and not a.grad[1].any()


def test_at_rate_0_nothing_is_drawn_and_training_is_joint_bit_for_bit(monkeypatch):
    joint = trained("joint").weights
    monkeypatch.setattr(ModalityDropout, "_draw", None)
    assert_same_weights(trained("modality-dropout", settings={"rate": 0.0}).weights, joint)


def test_a_neutral_adaptive_form_is_the_fixed_one_bit_for_bit():
    one = trained("modality-dropout-adaptive", settings={"sharpness": 0.0})
    assert_same_weights(one.weights, trained("modality-dropout").weights)


def kept_of(method, rows=64):
    """What a training pass keeps. (N, M)"""
    net = Net()
    balancer = Balancer(net, method, ENCODERS)
    net(torch.randn(rows, 3), torch.randn(rows, 5))
    return balancer.setting.modalities.record._current.drawn["kept"]


def test_one_draw_may_hold_for_the_whole_batch():
    kept = kept_of(ModalityDropout(0.5, granularity="batch"))
    assert (kept == kept[:1]).all()
    assert not (kept_of(ModalityDropout(0.5)) == kept[:1]).all()


def test_a_rate_each_is_taken_in_the_order_of_the_encoders():
    kept = kept_of(ModalityDropout((0.0, 0.5)))
    assert kept[:, 0].all() and not kept[:, 1].all()
    with pytest.raises(BalanceError, match=r"a rate for each of \['a', 'b'\]"):
        Balancer(Net(), ModalityDropout((0.1, 0.2, 0.3)), ENCODERS)


@pytest.mark.parametrize(("at_least_one", "factor"), [(True, 1 / 0.82), (False, 1 / 0.8)])
def test_inverted_features_keep_their_expected_sum(at_least_one, factor):
    net = Heads().double()
    method = ModalityDropout(0.2, scale="inverted", at_least_one=at_least_one)
    Balancer(net, method, ENCODERS)
    a = tensor((1, 0)).expand(4000, 2)
    out = net(a, 0 * a)[:, 0]
    assert set(out.round(decimals=9).tolist()) == {0, round(factor, 9)}
    assert out.mean().item() == pytest.approx(1, abs=0.03)


def test_the_mean_of_the_batch_may_stand_for_what_is_dropped():
    net = Heads().double()
    Balancer(net, ModalityDropout(0.5, fill="mean"), ENCODERS)
    a = torch.arange(16.0, dtype=torch.float64).view(8, 2)
    given = {tuple(row) for row in net(a, 0 * a).tolist()}
    assert tuple(a.mean(0).tolist()) in given
    assert given - {tuple(a.mean(0).tolist())} < {tuple(row) for row in a.tolist()}


def test_chances_follow_the_scores():
    found = drop_probabilities(tensor(0.8, 0.4, 0.6), 0.2, 0.5)
    assert found.tolist() == pytest.approx([0.3, 0.1, 0.2])
    assert drop_probabilities(tensor(1, 0), 0.2, 5.0).tolist() == [0.9, 0]
    assert drop_probabilities(tensor(0.8, math.nan), 0.2, 1.0).tolist() == pytest.approx([0.2, 0.2])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5), st.floats(0, 0.9), st.floats(0, 3))
def test_the_better_the_score_the_more_often_it_is_dropped(scores, base, sharpness):
    found = drop_probabilities(tensor(*scores), base, sharpness)
    assert bool(((found >= 0) & (found <= 0.9)).all())
    assert bool((found[tensor(*scores).argsort()].diff() >= -1e-12).all())


def test_the_adaptive_form_drops_the_confident_modality():
    training = trained("modality-dropout-adaptive", epochs=4)
    records = training.balancer.decisions.drain()
    last = {r["name"]: r["values"] for r in records}
    assert last["drop"] == pytest.approx(
        {m: min(max(0.2 + s - sum(last["score"].values()) / 2, 0), 0.9)
         for m, s in last["score"].items()}, abs=1e-6,
    )  # fmt: skip
    assert last["drop"]["a"] > 0.2 > last["drop"]["b"]


def test_micro_batches_draw_anew():
    training = start("modality-dropout", settings={"rate": 0.5})
    inputs, labels = training.data.take(torch.arange(16))
    kept = []
    for _ in range(2):
        out = training.model(inputs)
        record = training.balancer.setting.modalities.record
        kept.append(record._current.drawn["kept"])
        training.balancer.loss(out, labels).backward()
    assert not torch.equal(*kept)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ModalityDropout(1.0), "rate of ModalityDropout must be below 1"),
        (lambda: ModalityDropout((0.1, -0.1)), "A rate of ModalityDropout must be a number"),
        (lambda: ModalityDropout(granularity="column"), "granularity must be one of row, batch"),
        (lambda: ModalityDropout(fill="noise"), "fill must be one of zero, mean"),
        (lambda: ModalityDropout(scale="up"), "scale must be one of none, inverted"),
        (lambda: ModalityDropout(at_least_one=1), "at_least_one must be"),
        (lambda: AdaptiveModalityDropout((0.1, 0.2)), "rate must be a number"),
        (lambda: AdaptiveModalityDropout(sharpness=-1), "sharpness must be a number"),
        (lambda: AdaptiveModalityDropout(ema=0), "ema must be a number"),
        (lambda: kept_modalities(tensor(0.1, 0.1), draws(3, 3)), "draws must have 3 columns"),
        (lambda: drop_probabilities(tensor(0.1, 0.1), 0.95, 1), "base must be a number"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()


def test_encoders_that_are_named_by_parameters_are_refused():
    with pytest.raises(BalanceError, match="ModalityDropout needs the features of"):
        Balancer(Net(), ModalityDropout(), {"a": r"a\..*", "b": r"b\..*"})
