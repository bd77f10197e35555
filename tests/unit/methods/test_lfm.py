"""LFM: its losses and schedules by hand, and its own properties."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, start, trained
from equimodal import LFM, BalanceError, MultiLabel
from equimodal.functional import alignment, matching_weight
from unit.given_features import bound, near, rows

EYE = torch.eye(3).tolist()
A, V, T = rows([[1, 0, 0], [0, 2, 0]], [[0, 1, 0], [0, 2, 0]], [[0, 0, 3], [1, 0, 0]])
Y = torch.tensor([0, 1])


def loss(method, *features):
    model, balancer = bound(method, dict.fromkeys("avt"[: len(features)], EYE), [0.0] * 3)
    return balancer.loss(model(*features), Y)


def test_alignment_by_hand():
    near(alignment(A, V), 0.047329)
    near(alignment(*rows([[20, 0]], [[0, 20]])), 9.306853)
    p, q = A.softmax(1), V.softmax(1)
    middle = (p + q) / 2
    true = (p * (p / middle).log() + q * (q / middle).log()).sum(1).mean() / 2
    near(true, 0.043715)  # the Jensen-Shannon divergence, which it is not


@pytest.mark.parametrize(
    ("settings", "features", "expected"),
    [
        ({"weight": 0.0}, (A, V), 0.598782),
        ({"weight": 1.0}, (A, V), 0.047329),
        ({"weight": 0.25, "scale": 2.0}, (A, V), 0.921838),
        ({"weight": 0.25}, (A, V), 0.460919),
        ({"weight": 1.0}, (A, V, T), 0.213978),
        ({"weight": 0.0}, (A, V, T), 0.931314),
    ],
)
def test_a_loss_by_hand(settings, features, expected):
    near(loss(LFM("fixed", classify="mean", **settings), *features), expected)


def test_classes_by_the_fused_logits():
    near(loss(LFM("fixed", weight=0.0), A, V), torch.nn.functional.cross_entropy(A + V, Y), 1e-12)


def test_schedules_by_hand():
    found = [matching_weight(t) for t in (1, 2, 5, 10, 50)]
    near(found, [0.632121, 0.393469, 0.181269, 0.095163, 0.019801])
    found = [1 - matching_weight(e + 1, "fitted", 200) for e in (0, 10, 50, 100, 150, 199)]
    near(found, [0.204624, 0.247759, 0.436681, 0.539155, 0.821314, 0.915989])
    assert matching_weight(51, "fitted", 100) == matching_weight(101, "fitted", 200)


def test_the_schedule_is_that_of_the_epoch():
    near(loss(LFM(classify="mean"), A, V), (1 - 0.632121) * 0.598782 + 0.632121 * 0.047329)
    model, balancer = bound(LFM(classify="mean"), dict.fromkeys("av", EYE), [0.0] * 3)
    balancer.epoch_index = 4
    share = 0.181269
    near(balancer.loss(model(A, V), Y), (1 - share) * 0.598782 + share * 0.047329)


def test_equal_modalities_match_and_have_no_gradient():
    z = A.clone().requires_grad_()
    alignment(z, A).backward()
    near(alignment(A, A), 0, 1e-15)
    assert z.grad.abs().max() < 1e-15


def test_without_weight_it_is_joint_training_bit_for_bit():
    idle = trained("lfm", settings={"schedule": "fixed", "weight": 0.0})
    assert_same_weights(trained("joint").weights, idle.weights)


def test_rows_that_lack_a_modality_have_the_mean_of_the_others():
    model, balancer = bound(
        LFM("fixed", weight=0.0, classify="mean"), dict.fromkeys("av", EYE), [0.0] * 3
    )
    present = torch.tensor([[True, False], [True, True]])
    found = balancer.loss(model(A, V), Y, present)
    wanted = torch.stack([A[0], (A[1] + V[1]) / 2])
    near(found, torch.nn.functional.cross_entropy(wanted, Y), 1e-12)


@given(st.integers(0, 999), st.floats(0.1, 30))
def test_alignment_is_symmetric_and_no_reward(seed, scale):
    draw = torch.Generator().manual_seed(seed)
    one, other = (scale * torch.randn(4, 3, generator=draw).double() for _ in "ab")
    found = alignment(one, other)
    assert found >= 0 and math.isfinite(found)
    near(alignment(other, one), found, 1e-9)


@given(st.integers(2, 300))
def test_both_schedules_fall(epochs):
    for schedule, falls in (("heuristic", 1.0), ("fitted", 0.9)):
        shares = [matching_weight(t, schedule, epochs) for t in range(1, epochs + 1)]
        assert all(0 <= share < 1 for share in shares)
        falling = shares[: int(falls * epochs)]  # the polynomial rises again at its end
        assert all(one >= other for one, other in pairwise(falling))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LFM(weight=0.3), "weight has no effect but with schedule='fixed'"),
        (lambda: LFM("learned"), "heuristic, fitted, fixed"),
        (lambda: matching_weight(3, "fitted"), "planned epochs"),
        (lambda: alignment(A, V[:1]), "same samples"),
        (lambda: start("lfm", task=MultiLabel()), "one class"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
