from equimodal.numerics.spreads import chosen_rate, mean_and_sd, paired_ratio


def run(lr, accuracy, seed=0):
    return {"lr": lr, "seed": seed, "validation": accuracy and {"accuracy": accuracy}}


def test_mean_and_sd_of_1_2_3_are_2_and_1():
    assert mean_and_sd([1.0, 2.0, 3.0]) == {"mean": 2.0, "sd": 1.0}


def test_one_value_has_no_sd_and_none_has_no_mean():
    assert mean_and_sd([0.5]) == {"mean": 0.5, "sd": None}
    assert mean_and_sd([]) == {"mean": None, "sd": None}


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
