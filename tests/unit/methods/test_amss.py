"""The pure functions of AMSS; its stage is in test_amss_masks.py."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equimodal import BalanceError, methods
from equimodal.functional import (
    modality_significance,
    sample_units,
    unit_importance,
    update_fractions,
)

OPEN = (0.0, 1.0)
SIGNIFICANCES = st.lists(st.floats(-3, 3), min_size=2, max_size=5)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@given(rho=SIGNIFICANCES, tau=st.floats(0.1, 5))
def test_fractions_sum_to_one_less_than_the_number_of_modalities(rho, tau):
    fractions = update_fractions(torch.tensor(rho, dtype=torch.float64), tau, OPEN)
    assert float(fractions.sum()) == pytest.approx(len(rho) - 1, abs=1e-9)


@given(rho=SIGNIFICANCES, tau=st.floats(0.1, 5))
def test_the_more_significant_a_modality_the_smaller_its_fraction(rho, tau):
    fractions = update_fractions(torch.tensor(rho, dtype=torch.float64), tau, OPEN).tolist()
    for a, r in zip(rho, fractions, strict=True):
        for b, q in zip(rho, fractions, strict=True):
            if a > b:
                assert r <= q
            if a > b + 1e-3:
                assert r < q or r == 1.0


@pytest.mark.parametrize("modalities", [2, 3, 4, 9])
@pytest.mark.parametrize("value", [0.0, -2.0, 1e30])
def test_equal_modalities_share_alike(modalities, value):
    fractions = update_fractions(torch.full((modalities,), value), 0.2)
    torch.testing.assert_close(fractions, torch.full((modalities,), 1 - 1 / modalities))


def test_for_two_modalities_the_fraction_is_a_sigmoid_of_the_difference():
    rho = torch.tensor([0.3, 0.1])
    expected = torch.sigmoid(torch.tensor([0.1 - 0.3, 0.3 - 0.1]) / 0.5)
    torch.testing.assert_close(update_fractions(rho, 0.5), expected)


def test_fractions_are_clamped():
    assert update_fractions(torch.tensor([5.0, 0.0]), 0.2).tolist() == pytest.approx([0.1, 0.9])
    found = update_fractions(torch.tensor([5.0, 0.0]), 0.2, clamp=(0.3, 0.6)).tolist()
    assert found == pytest.approx([0.3, 0.6])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_significance_that_is_no_number_gives_equal_shares(bad):
    fractions = update_fractions(torch.tensor([bad, 0.0, 0.0]), 0.2)
    torch.testing.assert_close(fractions, torch.full((3,), 2 / 3))


def test_the_significance_of_a_perfect_and_of_a_blind_modality():
    target = torch.tensor([0, 1])
    logits = {"perfect": torch.tensor([[50.0, 0], [0, 50]]), "blind": torch.zeros(2, 2)}
    features = {m: torch.zeros(2, 4) for m in logits}
    rho = modality_significance(logits, features, target)
    # H(Y) = log 2; CE is 0 and log 2; H(softmax(z)) of 4 equal features is log 4.
    assert rho.tolist() == pytest.approx([0.5, 0.0], abs=1e-6)


def test_the_significance_follows_names_not_the_order_of_features():
    draw = generator()
    logits = {m: torch.randn(5, 3, generator=draw) for m in "ab"}
    features = {m: torch.randn(5, w, generator=draw) for m, w in (("a", 2), ("b", 7))}
    target = torch.tensor([0, 1, 2, 0, 1])
    turned = dict(reversed(features.items()))
    one, other = (modality_significance(logits, f, target) for f in (features, turned))
    assert torch.equal(one, other)


def test_the_label_entropy_may_be_that_of_the_training_set():
    logits, features = {"a": torch.zeros(1, 4), "b": torch.zeros(1, 4)}, {}
    features = {m: torch.zeros(1, 4) for m in logits}
    rho = modality_significance(
        logits, features, torch.tensor([2]), label_entropy=torch.tensor(2 * math.log(4))
    )
    assert rho.tolist() == pytest.approx([1.0, 1.0])


def test_certain_features_do_not_divide_by_zero():
    logits = {m: torch.zeros(2, 2) for m in "ab"}
    features = {m: torch.tensor([[1e4, 0.0], [0.0, 1e4]]) for m in "ab"}
    rho = modality_significance(logits, features, torch.tensor([0, 0]))
    assert rho.tolist() == pytest.approx([-math.log(2) / 1e-3] * 2)


def test_importance_is_the_sum_of_squares_of_each_unit():
    grad = torch.arange(12.0).view(3, 2, 2)
    assert unit_importance(grad).tolist() == [14.0, 16 + 25 + 36 + 49.0, 64 + 81 + 100 + 121.0]
    assert unit_importance(torch.tensor([2.0, -3.0])).tolist() == [4.0, 9.0]


@given(
    importance=st.lists(st.floats(0, 1e30), min_size=1, max_size=40),
    share=st.integers(1, 20),
    unbiased=st.booleans(),
)
def test_exactly_the_ceiling_of_n_r_units_are_drawn(importance, share, unbiased):
    n = len(importance)
    mask = sample_units(torch.tensor(importance), share / 20, generator(), unbiased)
    count = min(n, max(2 if unbiased else 1, -(-n * share // 20)))
    assert mask.shape == (n,)
    assert int((mask > 0).sum()) == count
    assert bool((mask[mask > 0] >= 1).all())
    if not unbiased or count == n:
        assert bool((mask[mask > 0] == 1).all())


@pytest.mark.parametrize("scale", [0.0, 1e-45, 1e-30, 1e30, 3e38])
def test_importances_of_any_size_give_a_mask(scale):
    for unbiased in (False, True):
        mask = sample_units(torch.full((6,), scale), 0.5, generator(), unbiased)
        assert int((mask > 0).sum()) == 3
        assert bool(mask.isfinite().all())


def test_a_single_unit_is_always_drawn():
    for unbiased in (False, True):
        assert sample_units(torch.zeros(1), 0.1, generator(), unbiased).tolist() == [1.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_importances_that_are_no_sizes_are_refused(bad):
    with pytest.raises(BalanceError, match="Importances must be finite and not negative"):
        sample_units(torch.tensor([1.0, bad]), 0.5, generator())


def test_important_units_are_drawn_more_often_and_unimportant_ones_sometimes():
    importance = torch.tensor([100.0, 1.0, 1.0, 1.0, 0.0])
    draw = generator()
    masks = torch.stack([sample_units(importance, 0.2, draw) for _ in range(1500)])
    often = masks.mean(0)
    p = 0.99 * importance / 103 + 0.01 / 5
    assert (often - p).abs().max() < 0.05
    assert often[4] > 0


def test_the_fraction_may_be_a_tensor_as_the_fractions_come():
    fractions = update_fractions(torch.tensor([0.3, 0.1]), 0.2)
    mask = sample_units(torch.ones(100), fractions[0], generator())
    assert int(mask.sum()) == math.ceil(100 * float(fractions[0]))


def test_the_mean_of_an_unbiased_mask_is_one():
    importance = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    draw = generator()
    masks = torch.stack([sample_units(importance, 0.6, draw, unbiased=True) for _ in range(1500)])
    error = (masks.mean(0) - 1).abs() / (masks.std(0) / math.sqrt(1500))
    assert error.max() < 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"tau": 0}, {"tau": -1}, {"tau": math.nan}, {"tau": "0.2"}, {"clamp": (0.0, 0.9)},
        {"clamp": (0.9, 0.1)}, {"clamp": (0.1, 0.5, 0.9)}, {"clamp": (0.1, 1.1)},
        {"fraction": 0}, {"fraction": 1.5}, {"fraction": "half"}, {"fraction": True},
        {"significance": "audio"}, {"direction": "up"}, {"smoothing": -0.1}, {"smoothing": 2},
        {"units": "conv["}, {"weighting": "ht"}, {"bias": -1}, {"cap": 0},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(BalanceError, match=f"AMSS {next(iter(wrong))} must be .*found"):
        methods.create("amss", **wrong)
