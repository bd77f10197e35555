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
from equimodal.methods.amss_released import released_fractions
from equimodal.methods.amss_tally import AmssTally

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


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5, math.nan, 10**400, torch.tensor(2.0)])
def test_a_share_of_units_that_is_none_is_refused(share):
    with pytest.raises(BalanceError, match=r"fraction of units must lie in \(0, 1\]; found"):
        sample_units(torch.ones(4), share, generator())


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
        {"units": "conv["}, {"weighting": "ht"}, {"bias": -1}, {"cap": 0}, {"mask": "all"},
        {"importance": "fishy"}, {"clamp": 0.5}, {"clamp": None}, {"units": None}, {"units": ["a"]},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(BalanceError, match=f"AMSS {next(iter(wrong))} must be .*found"):
        methods.create("amss", **wrong)


@pytest.mark.parametrize("weighting", ["unbiased", "official", "scaled"])
def test_without_a_mask_there_is_nothing_to_weight(weighting):
    with pytest.raises(BalanceError, match=r"AMSS weighting must be .none. with mask=.none.*found"):
        methods.create("amss", mask="none", weighting=weighting)


def test_the_defaults_are_those_of_the_paper_and_the_card():
    shown = {"tau": 0.2, "clamp": (0.1, 0.9), "smoothing": 0.01, "bias": 0.0, "cap": 10.0}
    shown |= {"weighting": "none", "mask": "sampled", "importance": "fisher", "units": "all"}
    shown |= {"significance": "reference", "direction": "weak", "fraction": None}
    assert methods.settings("amss") == shown
    assert methods.settings("amss+") == shown | {"weighting": "unbiased"}
    assert methods.settings("amss-scale") == shown | {"mask": "none"}
    assert methods.settings("amss-uniform") == shown | {"importance": "uniform"}


def released(script, cross_entropy, *, counts=(4, 4), tau=1.0, clamp=(0.01, 0.99), strong=False):
    """Of a batch with two equally frequent classes: H is log 2, that is one bit; H(z) is 1."""
    given = [torch.tensor(x, dtype=torch.float64) for x in (counts, cross_entropy)]
    return released_fractions(
        script, *given, torch.ones_like(given[1]), tau=tau, clamp=clamp, strong=strong
    )


# The cross-entropy at which each guard acts: its own entropy plus its own constant.
GUARDS = {"av": math.log(2) + 0.5, "it": 1 + 0.5, "nv": 1 + 2}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("script", GUARDS)
def test_a_released_guard_acts_as_soon_as_one_modality_is_below_it(script, place):
    just_above, just_below = [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]
    just_above[place] = GUARDS[script] - 1e-6
    just_below[place] = GUARDS[script] + 1e-6
    assert released(script, just_below)[1].tolist() == [0.5] * 3
    shares = released(script, just_above, tau=10.0)[1]
    assert (shares != 0.5).all()
    assert float(shares.sum()) == pytest.approx(2)


@pytest.mark.parametrize(
    ("script", "rho"),
    [
        # (log 2 - CE + 1/2) / 1
        ("av", [math.log(2) + 0.4, math.log(2) - 0.2]),
        # 1 bit - CE
        ("it", [0.9, 0.3]),
        # (1 bit - CE + 3) / (8 samples of 1 nat, in bits, over 40)
        ("nv", [3.9 * math.log(2) * 5, 3.3 * math.log(2) * 5]),
    ],
)
def test_released_significance_and_fractions_by_hand_in_both_directions(script, rho):
    gap = (rho[0] - rho[1]) / 2
    few = 1 / (1 + math.exp(gap))
    for strong, expected in ((False, [few, 1 - few]), (True, [1 - few, few])):
        found, shares = released(script, [0.1, 0.7], tau=2.0, strong=strong)
        assert found.tolist() == pytest.approx(rho, rel=1e-12)
        assert shares.tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("script", GUARDS)
def test_released_fractions_are_clamped_as_told_and_do_not_overflow(script):
    # tau = 1e-4 makes rho / tau thousands, whose exponential is infinite, also in float64.
    for clamp in ((0.1, 0.9), (0.3, 0.6)):
        assert released(script, [0.1, 0.7], tau=1e-4, clamp=clamp)[1].tolist() == list(clamp)


def test_released_fractions_of_what_is_no_number_are_one_half():
    assert released("av", [math.nan, 0.1])[1].tolist() == [0.5, 0.5]


def tallied(steps, low=0.1, high=0.9):
    tally = AmssTally()
    for shares in steps:
        tally.saw_shares(torch.tensor(shares), low, high)
    return tally


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([[0.1, 0.9]] * 10, True),
        ([[0.1, 0.9]] * 9, False),  # too short an epoch to say so
        ([[0.1, 0.9]] * 6 + [[0.2, 0.8]] * 5, True),
        ([[0.1, 0.9]] * 6 + [[0.2, 0.8]] * 6, False),  # half of the steps
        ([[0.1, 0.8, 0.9]] * 10, False),  # not all modalities
        ([[0.1, 0.9, 0.9]] * 10, True),
        ([[0.9] * 11] * 10, False),  # eleven equal modalities
        ([], False),
    ],
)
def test_tau_is_a_switch_where_all_shares_sit_at_the_clamp_in_most_steps(steps, expected):
    assert tallied(steps).switched() is expected


def test_a_share_that_is_given_by_the_clamp_is_no_switch():
    assert not tallied([[0.5, 0.5]] * 10, 0.5, 0.5).switched()


def test_an_epoch_without_steps_has_no_records():
    assert AmssTally().records(None, 2) == {}
