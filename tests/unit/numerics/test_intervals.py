"""The one interval: values by hand, a slow reference loop, and what it never does."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from equimodal.numerics.intervals import Units, quantile, split_units
from reference.intervals import slow_half


def tensors(*rows):
    return [torch.tensor(row, dtype=torch.float64) for row in rows]


def numbers(*rows):
    return [torch.tensor(row) for row in rows]


def test_one_seed_of_single_samples_has_students_interval_of_its_samples():
    values = tensors([1.0, 0.0, 0.0, 1.0, 1.0])
    found = Units(numbers(range(5))).interval(values)
    expected = ttest_1samp(values[0].numpy(), 0).confidence_interval(0.95)
    assert (found.mean, found.seeds, found.samples, found.units) == (0.6, 1, 5, 5)
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx(
        (expected.low, expected.high)
    )


def test_seeds_with_samples_of_their_own_have_the_paired_t_over_seeds():
    values = tensors([0.1, 0.3], [0.3, 0.5], [0.2, 0.4])
    found = Units(numbers([0, 1], [2, 3], [4, 5])).interval(values)
    # Means .2, .4, .3: sd .1, and nothing is shared.
    assert found.mean == pytest.approx(0.3)
    assert found.half == pytest.approx(4.302652729911275 * 0.1 / 3**0.5)
    assert found.shared == 0.0


def test_two_seeds_that_share_their_samples_and_agree_are_not_told_without_a_width():
    values = tensors([1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0])
    found = Units(numbers([0, 1, 2, 3], [0, 1, 2, 3])).interval(values)
    # e = .5, -.5, -.5, .5 in both; C = 4/3 * (4 * .25) / 16 = 1/12, and t of 3 degrees.
    assert found.between == 0.0
    assert found.half == pytest.approx(3.182446305284264 * math.sqrt(1 / 12))


def test_units_of_several_samples_count_by_their_sums():
    values = tensors([1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0])
    found = Units(numbers([5, 5, 9, 9], [5, 5, 9, 9])).interval(values)
    # e_g = 1 and -1; C = 2/1 * (1 + 1) / 16 = 1/4, one degree of freedom.
    assert found.half == pytest.approx(12.706204736432095 * 0.5)
    assert (found.units, found.samples) == (2, 8)


def test_what_seeds_share_by_turns_in_opposite_ways_counts_as_nothing():
    values = tensors([1.0, -1.0], [-1.0, 1.0])
    assert Units(numbers([0, 1], [0, 1])).interval(values).half == 0.0


def test_a_single_unit_gives_no_interval():
    found = Units(numbers([3, 3])).interval(tensors([0.0, 1.0]))
    assert found.half is None and found.above(0.0) == 0.5
    assert found.plain()["low"] is None


def test_units_differ_where_a_sample_of_theirs_does():
    values = tensors([0.0, 0.0, 1.0, -1.0], [0.0, 1.0, 0.0, 0.0])
    found = Units(numbers([0, 1, 2, 2], [0, 1, 2, 3])).interval(values)
    assert (found.units, found.differing) == (4, 2)


def test_plain_data_name_seeds_samples_and_units():
    found = Units(numbers([0, 1], [0, 1])).interval(tensors([0.0, 1.0], [0.0, 1.0]))
    assert {k: found.plain()[k] for k in ("mean", "n", "samples", "units", "differing")} == {
        "mean": 0.5, "n": 2, "samples": 4, "units": 2, "differing": 1,
    }  # fmt: skip


def test_the_probability_of_a_side_is_that_of_student_where_one_term_stands():
    values = tensors([0.1, 0.3], [0.3, 0.5], [0.2, 0.4])
    found = Units(numbers([0, 1], [2, 3], [4, 5])).interval(values)
    error = 0.1 / 3**0.5
    for threshold in (0.05, 0.25, 0.3, 0.4):
        expected = student.cdf((0.3 - threshold) / error, 2)
        assert found.above(threshold) == pytest.approx(expected, abs=1e-6)


def test_the_end_of_the_interval_is_reached_with_a_fortieth():
    draw = torch.Generator().manual_seed(0)
    values = list(torch.randn(3, 40, generator=draw, dtype=torch.float64) + 1)
    found = Units([torch.arange(40)] * 3).interval(values)
    assert found.above(found.mean - found.half) == pytest.approx(0.975, abs=1e-9)
    assert found.above(found.mean + found.half) == pytest.approx(0.025, abs=1e-9)


def test_a_mean_without_any_spread_is_certain_of_its_side():
    found = Units([torch.arange(4)] * 2).interval(tensors([0.5] * 4, [0.5] * 4))
    assert found.above(0.4) == pytest.approx(1.0)
    assert found.above(0.6) == pytest.approx(0.0)


cases = st.tuples(st.integers(1, 5), st.integers(2, 12), st.integers(2, 20), st.integers(0, 10**6))


def drawn(case):
    """Seeds of different sizes over a pool of units, some of which they share."""
    seeds, pool, most, seed = case
    draw = torch.Generator().manual_seed(seed)
    sizes = torch.randint(2, most + 1, (seeds,), generator=draw).tolist()
    units = [torch.randint(pool, (size,), generator=draw) for size in sizes]
    values = [torch.randint(-1, 2, (size,), generator=draw).double() for size in sizes]
    return values, units


@settings(max_examples=150, deadline=None)
@given(cases)
def test_it_is_the_formula_word_for_word(case):
    values, units = drawn(case)
    found = Units(units).interval(values)
    slow = slow_half([v.tolist() for v in values], [u.tolist() for u in units])
    assert found.half == (None if slow is None else pytest.approx(slow, abs=1e-12))


@settings(max_examples=100, deadline=None)
@given(cases)
def test_it_is_never_narrower_than_the_paired_t_over_seeds(case):
    values, units = drawn(case)
    found = Units(units).interval(values)
    n = len(values)
    if n > 1 and found.half is not None:
        means = torch.stack([v.mean() for v in values])
        assert found.half >= student.ppf(0.975, n - 1) * float(means.std()) / n**0.5 - 1e-12


@settings(max_examples=60, deadline=None)
@given(cases, st.integers(0, 999))
def test_order_and_names_of_units_say_nothing(case, seed):
    values, units = drawn(case)
    before = Units(units).interval(values)
    draw = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(v), generator=draw) for v in values]
    after = Units([7 * u[o] + 3 for u, o in zip(units, orders, strict=True)]).interval(
        [v[o] for v, o in zip(values, orders, strict=True)]
    )
    assert after.mean == pytest.approx(before.mean)
    assert after.half == (None if before.half is None else pytest.approx(before.half, abs=1e-9))


@settings(max_examples=60, deadline=None)
@given(count=st.integers(10, 60), copies=st.integers(2, 4), seed=st.integers(0, 999))
def test_copies_of_a_sample_are_no_evidence_when_they_are_one_unit(count, copies, seed):
    draw = torch.Generator().manual_seed(seed)
    single = [torch.randn(count, generator=draw, dtype=torch.float64) for _ in range(3)]
    alone = Units([torch.arange(count)] * 3).interval(single)
    copied = Units([torch.arange(count).repeat(copies)] * 3).interval(
        [v.repeat(copies) for v in single]
    )
    assert copied.half == pytest.approx(alone.half)


def test_groups_are_the_units_from_twenty_on():
    labels = [torch.zeros(40, dtype=torch.long)] * 2
    few, enough = torch.arange(40) % 19, torch.arange(40) % 20
    assert split_units(labels, [enough, enough])[1] == "group"
    units, what = split_units(labels, [few, enough])
    assert what == "sample" and units[0].tolist() == list(range(40))


def test_samples_are_the_same_in_seeds_of_the_same_labels_alone():
    one, other = torch.tensor([0, 1, 1]), torch.tensor([1, 1, 0])
    units, what = split_units([one, other, one], [None, None, None])
    assert what == "sample"
    assert [u.tolist() for u in units] == [[0, 1, 2], [3, 4, 5], [0, 1, 2]]


def test_the_quantile_is_students():
    assert quantile(0.975, 2) == pytest.approx(4.302652729911275)
