import pytest
from scipy.stats import ttest_rel

from equimodal.numerics.intervals import chosen_rate, mean_and_sd, paired_difference, paired_ratio


def run(lr, accuracy, seed=0):
    return {"lr": lr, "seed": seed, "validation": accuracy and {"accuracy": accuracy}}


def test_mean_and_sd_of_1_2_3_are_2_and_1():
    assert mean_and_sd([1.0, 2.0, 3.0]) == {"mean": 2.0, "sd": 1.0}


def test_one_value_has_no_sd_and_none_has_no_mean():
    assert mean_and_sd([0.5]) == {"mean": 0.5, "sd": None}
    assert mean_and_sd([]) == {"mean": None, "sd": None}


def test_the_interval_is_the_hand_computed_one():
    found = paired_difference({0: 0.9, 1: 0.8, 2: 0.7}, {0: 0.8, 1: 0.6, 2: 0.4})
    # Differences .1, .2, .3: mean .2, sd .1; the 97.5 % quantile of t with 2 degrees is 4.30265.
    margin = 4.302652729911275 * 0.1 / 3**0.5
    assert found == {
        "mean": pytest.approx(0.2),
        "low": pytest.approx(0.2 - margin),
        "high": pytest.approx(0.2 + margin),
        "n": 3,
    }


def test_the_interval_is_that_of_a_paired_t_test():
    values, reference = [0.81, 0.84, 0.79, 0.9, 0.86], [0.8, 0.85, 0.7, 0.88, 0.81]
    expected = ttest_rel(values, reference).confidence_interval(0.95)
    found = paired_difference(dict(enumerate(values)), dict(enumerate(reference)))
    assert found is not None
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_only_common_seeds_are_compared():
    found = paired_difference({0: 0.5, 7: 0.6}, {7: 0.4, 9: 0.9})
    assert found == {"mean": pytest.approx(0.2), "low": None, "high": None, "n": 1}


def test_equal_differences_have_an_interval_of_no_width():
    found = paired_difference({0: 0.5, 1: 0.75}, {0: 0.25, 1: 0.5})
    assert found == {"mean": 0.25, "low": 0.25, "high": 0.25, "n": 2}


def test_without_common_seeds_there_is_no_difference():
    assert paired_difference({0: 0.5}, {1: 0.5}) is None
    assert paired_difference({}, {}) is None


def test_the_ratio_is_the_median_of_the_seeds_ratios():
    assert paired_ratio({0: 2.0, 1: 3.0, 2: 40.0, 3: 1.0}, {0: 1.0, 1: 1.0, 2: 4.0}) == 3.0
    assert paired_ratio({0: 2.0}, {1: 1.0}) is None
    assert paired_ratio({0: 2.0}, {0: 0.0}) is None


def test_the_rate_with_the_best_mean_validation_accuracy_is_chosen():
    runs = [run(0.1, 0.9, 0), run(0.1, 0.5, 1), run(0.01, 0.8, 0), run(0.01, 0.7, 1)]
    assert chosen_rate(runs) == 0.01


def test_of_equal_rates_the_lower_is_chosen():
    assert chosen_rate([run(0.1, 0.5), run(0.01, 0.5)]) == 0.01


def test_a_diverged_run_counts_as_accuracy_zero():
    runs = [run(0.1, 0.99, 0), run(0.1, None, 1), run(0.01, 0.6, 0), run(0.01, 0.6, 1)]
    assert chosen_rate(runs) == 0.01


def test_a_row_without_a_rate_has_none():
    assert chosen_rate([run(None, 0.5), run(None, 0.6, 1)]) is None
