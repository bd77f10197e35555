"""MBSD: its terms by hand, and its own properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, start, trained
from equimodal import MBSD, BalanceError, MultiLabel
from equimodal.functional import teaching_weights
from unit.given_features import bound, feature_gradients, near, rows

EYE = torch.eye(3).tolist()
A, V, T = rows(
    [[2, 0, 0], [0, 1, 0], [0, 0, 1]],
    [[0, 1, 0], [0, 0, 2], [0, 0, 1]],
    [[0, 0, 0], [3, 0, 0], [0, 0, 1]],
)
Y = torch.tensor([0, 0, 2])
SUM = 3.246542


def loss(method, *features):
    model, balancer = bound(method, dict.fromkeys("avt"[: len(features)], EYE), [0.0] * 3)
    seen = feature_gradients(model)
    found = balancer.loss(model(*features), Y)
    found.backward()
    return found, seen


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (A, V, [0.575044, 0, 0]),
        (A, T, [0.453653, 0.697501, 0]),
        (V, T, [0.121392, 0.802936, 0]),
        (A, A, [0, 0, 0]),
    ],
)
def test_weights_by_hand(one, other, expected):
    near(teaching_weights(one, other, Y), expected)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"lam_kl": 0, "lam_rs": 0}, SUM),
        ({"lam_rs": 0}, SUM + 0.149390),
        ({"lam_kl": 0}, SUM + 0.035929),
        ({}, SUM + 0.149390 + 0.035929),
        ({"lam_kl": 0, "variant": "port"}, SUM + 0.319469),
        ({"lam_rs": 0, "variant": "port"}, SUM - 0.094999),
        ({"lam_kl": 0, "space": "logits"}, SUM + 0.319469),
    ],
)
def test_a_loss_of_two_modalities_by_hand(settings, expected):
    near(loss(MBSD(**settings), A, V)[0], expected, 4e-6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"lam_rs": 0}, 0.320570), ({"lam_kl": 0}, 0.073770),
        ({"lam_rs": 0, "variant": "port"}, -0.139079),
        ({"lam_kl": 0, "variant": "port"}, 0.073770),
    ],
)  # fmt: skip
def test_a_loss_of_three_modalities_by_hand(settings, expected):
    plain, _ = loss(MBSD(0, 0), A, V, T)
    near(loss(MBSD(**settings), A, V, T)[0] - plain, expected, 4e-6)


def test_the_strong_side_is_held_fixed_and_the_weak_one_moves():
    _, plain = loss(MBSD(0, 0), A, V)
    _, taught = loss(MBSD(), A, V)
    assert torch.equal(taught["a"], plain["a"])
    assert (taught["v"][0] - plain["v"][0]).abs().sum() > 0.01
    assert torch.equal(taught["v"][1:], plain["v"][1:])


def test_the_ports_strong_side_moves_towards_the_weak_one():
    _, plain = loss(MBSD(0, 0), A, V)
    _, taught = loss(MBSD(variant="port"), A, V)
    near(taught["a"][0, 0] - plain["a"][0, 0], 0.314, 6e-4)
    near(taught["v"][0, 0] - plain["v"][0, 0], -0.364, 6e-4)


def test_equal_modalities_have_nothing_to_teach():
    found, seen = loss(MBSD(), A, A)
    plain, expected = loss(MBSD(0, 0), A, A)
    near(found, plain, 1e-12)
    assert torch.equal(seen["a"], expected["a"])


def test_without_weights_it_is_joint_training_with_unimodal_losses_bit_for_bit():
    idle = trained("mbsd", settings={"lam_kl": 0, "lam_rs": 0})
    assert_same_weights(trained("joint+unimodal").weights, idle.weights)


def test_the_control_weighs_every_sample_the_same():
    plain, _ = loss(MBSD(0, 0), A, V)
    found, _ = loss(MBSD(1, 0, weighting="one"), A, V)
    p, q = A.softmax(1), V.softmax(1)
    strong = torch.stack([p[0], p[1], p[2]])  # a is stronger, and the first on a tie
    near(found - plain, (strong * (strong.log() - q.log())).sum(1).mean(), 1e-12)


def test_pairs_are_those_of_rows_that_have_both():
    model, balancer = bound(MBSD(), dict.fromkeys("av", EYE), [0.0] * 3)
    present = torch.tensor([[True, False], [True, True], [True, True]])
    found = balancer.loss(model(A, V), Y, present)
    plain, other = bound(MBSD(0, 0), dict.fromkeys("av", EYE), [0.0] * 3)
    near(found, other.loss(plain(A, V), Y, present).detach(), 1e-12)  # the first taught alone


@given(st.integers(0, 999), st.integers(2, 5))
def test_weights_lie_in_the_unit_interval_and_terms_are_no_reward(seed, classes):
    draw = torch.Generator().manual_seed(seed)
    one, other = (2 * torch.randn(4, classes, generator=draw).double() for _ in "ab")
    labels = torch.randint(classes, (4,), generator=draw)
    weights = teaching_weights(one, other, labels)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert torch.equal(weights, teaching_weights(other, one, labels))
    assert (MBSD()._distilled(one, other, labels, True) >= 0).all()


def test_what_has_no_meaning_is_refused():
    with pytest.raises(BalanceError, match="space has no effect with variant='port'"):
        MBSD(variant="port", space="logits")
    with pytest.raises(BalanceError, match="one class"):
        start("mbsd", task=MultiLabel())
