import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equimodal.numerics.sampling import (
    arrival_masks,
    drawn_counts,
    inclusion_probabilities,
    unit_probabilities,
)


def exponentials(rows, units, *, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.empty(rows, units, dtype=torch.float64).exponential_(generator=draw)


def skewed(units):
    """Probabilities between 1 and ``units``, to the sum 1: the rarest unit is drawn seldom."""
    p = torch.arange(1, units + 1, dtype=torch.float64)
    return p / p.sum()


def masks(p, count, rows, *, unbiased, seed=0):
    many = p.expand(rows, -1)
    counts = torch.full((rows,), count)
    return arrival_masks(many, counts, exponentials(rows, len(p), seed=seed), unbiased=unbiased)


@given(
    sizes=st.lists(st.integers(1, 600), min_size=1, max_size=5),
    share=st.integers(1, 100),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_exactly_the_ceiling_of_n_r_units_are_drawn_in_every_row(sizes, share, dtype):
    width, layers = max(sizes), torch.tensor(sizes)
    counts = drawn_counts(layers, torch.full((len(sizes),), share / 100, dtype=dtype))
    p = unit_probabilities(torch.zeros(len(sizes), width, dtype=dtype), layers, 0.01)
    mask = arrival_masks(p, counts, exponentials(len(sizes), width).to(dtype), unbiased=False)

    assert counts.tolist() == [max(1, math.ceil(n * Fraction(share, 100))) for n in sizes]
    assert mask.sum(1).tolist() == counts.tolist()
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert all(not mask[row, n:].any() for row, n in enumerate(sizes))


def test_a_fraction_rounded_up_by_float32_does_not_draw_one_unit_more():
    assert math.ceil(float(10 * torch.tensor(0.1, dtype=torch.float32).double())) == 2  # the trap
    for n in (10, 100, 700, 1000):
        k = torch.arange(1, n + 1)
        for share in ((k / n).float(), (k.double() / n).float().double()):
            assert torch.equal(drawn_counts(torch.full((n,), n), share), k)


def test_counts_respect_the_minimum_and_the_number_of_units():
    sizes, share = torch.tensor([1, 2, 3, 50]), torch.full((4,), 0.01)
    assert drawn_counts(sizes, share, minimum=2).tolist() == [1, 2, 2, 2]
    assert drawn_counts(sizes, torch.ones(4)).tolist() == [1, 2, 3, 50]


def test_probabilities_follow_the_importances_and_sum_to_one_in_every_row():
    importance = torch.tensor([[1.0, 3.0, 0.0], [5.0, 5.0, 0.0]])
    p = unit_probabilities(importance, torch.tensor([3, 2]), 0.1)
    expected = torch.tensor(
        [[0.225 + 0.1 / 3, 0.675 + 0.1 / 3, 0.1 / 3], [0.45 + 0.05, 0.45 + 0.05, 0.0]]
    )
    torch.testing.assert_close(p, expected)


@pytest.mark.parametrize("scale", [0.0, 1e-40, 1e-30, 1.0, 1e30, 5e37])
def test_probabilities_are_sound_at_every_scale(scale):
    importance = torch.tensor([[1.0, 2.0, 1.0, 0.0]]) * scale
    p = unit_probabilities(importance, torch.tensor([4]), 0.01)
    even = [[0.25] * 4]
    graded = [[0.25, 0.4975, 0.25, 0.0025]]
    torch.testing.assert_close(p, torch.tensor(even if scale < 1e-38 else graded))


def test_the_drawn_sets_follow_the_law_of_multinomial_without_replacement():
    p, count, rows = skewed(6), 3, 60_000
    mine = masks(p, count, rows, unbiased=False).mean(0)
    draw = torch.Generator().manual_seed(1)
    theirs = torch.multinomial(p.expand(rows, -1), count, generator=draw)
    frequency = torch.bincount(theirs.flatten(), minlength=6) / rows
    # Five standard deviations of a difference of two frequencies.
    assert (mine - frequency).abs().max() < 5 * math.sqrt(2 * 0.25 / rows)


def test_every_pair_of_units_is_drawn_as_often_as_successive_sampling_says():
    p, rows = skewed(4), 60_000
    drawn = masks(p, 2, rows, unbiased=False)
    for i in range(4):
        for j in range(i):
            chance = float(p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j]))
            found = float((drawn[:, i] * drawn[:, j]).mean())
            assert abs(found - chance) < 5 * math.sqrt(chance * (1 - chance) / rows)


@pytest.mark.parametrize("units", [2, 3, 4, 5, 8, 16, 64, 256, 512])
def test_unbiased_masks_have_mean_one_by_monte_carlo(units):
    # From 2 drawn units on the weights have a finite variance, so that the error of a mean can be
    # judged by it. The approximation by fixed inclusion probabilities is off by 10 errors at n = 5.
    rows, count = 2_000_000 // max(units, 10), max(2, math.ceil(units / 2))
    p = skewed(units)
    mask = masks(p, count, rows, unbiased=True)
    assert bool(((mask.mean(0) - 1).abs() <= 6 * mask.std(0) / math.sqrt(rows)).all())
    # All units together, weighted by their probability: a far smaller variance, a sharper test.
    together = mask @ p
    assert abs(float(together.mean()) - 1) <= 6 * float(together.std()) / math.sqrt(rows) + 1e-12


@pytest.mark.parametrize(("units", "count"), [(3, 2), (5, 2), (8, 2), (5, 4), (64, 20)])
def test_the_mean_is_one_whatever_the_other_units_drew(units, count):
    # All draws of the others held, the unit's own draw runs through its quantiles: an integral,
    # without the noise of a Monte Carlo and its heavy tail.
    grid = 4000
    p = skewed(units)
    own = -torch.log1p(-(torch.arange(grid, dtype=torch.float64) + 0.5) / grid)
    for seed in range(20):
        for unit in (0, units - 1):
            draws = exponentials(1, units, seed=seed).repeat(grid, 1)
            draws[:, unit] = own
            counts = torch.full((grid,), count)
            mask = arrival_masks(p.expand(grid, -1), counts, draws, unbiased=True)
            weight = float(mask[:, unit].max())
            assert abs(float(mask[:, unit].mean()) - 1) <= 0.51 * weight / grid


@pytest.mark.parametrize("units", [1, 2, 3, 100])
def test_all_units_drawn_weigh_exactly_one(units):
    mask = masks(skewed(units), units, 50, unbiased=True)
    assert torch.equal(mask, torch.ones_like(mask))


def test_a_row_is_drawn_alike_alone_and_beside_wider_rows():
    p, draws = skewed(5), exponentials(1, 9)
    padded = torch.zeros(2, 9, dtype=torch.float64)
    padded[0, :5], padded[1] = p, skewed(9)
    together = arrival_masks(padded, torch.tensor([3, 4]), draws.expand(2, -1), unbiased=True)
    alone = arrival_masks(p[None], torch.tensor([3]), draws[:, :5], unbiased=True)
    assert torch.equal(together[0, :5], alone[0])
    assert not together[0, 5:].any()


def test_units_that_arrive_at_the_same_time_are_still_drawn_in_the_right_number():
    p, draws = torch.full((1, 6), 1 / 6), torch.ones(1, 6)
    assert arrival_masks(p, torch.tensor([4]), draws, unbiased=False).sum() == 4


def test_units_that_cannot_be_drawn_stay_out_and_give_no_nan():
    p = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    mask = arrival_masks(p, torch.tensor([3]), torch.ones(1, 4), unbiased=True)
    assert mask.tolist() == [[1.0, 1.0, 0.0, 0.0]]


@given(weights=st.lists(st.floats(0.01, 100), min_size=2, max_size=30), share=st.floats(0.05, 0.95))
def test_inclusion_probabilities_sum_to_the_count_and_rise_with_the_probability(weights, share):
    p = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    count = max(1, min(len(weights) - 1, round(share * len(weights))))
    pi = inclusion_probabilities(p, count)
    assert float(pi.sum()) == pytest.approx(count, abs=1e-9)
    order = p.argsort()
    assert bool((pi[order].diff() >= -1e-12).all())
    assert bool(((pi > 0) & (pi <= 1)).all())


def test_inclusion_probabilities_are_an_approximation_that_is_off_by_24_thousandths_at_5():
    p, rows = skewed(5), 200_000
    exact = masks(p, 2, rows, unbiased=False).mean(0)
    gap = (inclusion_probabilities(p, 2) - exact).abs().max()
    assert 0.01 < gap < 0.04
    wide = skewed(200)
    exact = masks(wide, 80, 20_000, unbiased=False).mean(0)
    assert (inclusion_probabilities(wide, 80) - exact).abs().max() < 0.02


def test_inclusion_of_all_units_is_certain():
    assert torch.equal(inclusion_probabilities(skewed(3), 3), torch.ones(3, dtype=torch.float64))
