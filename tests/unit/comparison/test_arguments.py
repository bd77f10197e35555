import pytest

from equimodal.comparison.arguments import (
    batch_size_of,
    check_device,
    check_objective,
    count_of,
    rate_list,
    seed_list,
)
from equimodal.errors import BalanceError


def test_a_number_of_seeds_and_a_list_of_seeds_become_a_list():
    assert seed_list(3) == [0, 1, 2]
    assert seed_list((7, 1)) == [7, 1]


@pytest.mark.parametrize("seeds", [0, -2, [], [-1], [1, 1], [True], [0.5], True])
def test_wrong_seeds_are_refused(seeds):
    with pytest.raises(BalanceError, match=r"[Ss]eed"):
        seed_list(seeds)


def test_one_rate_several_rates_and_none_become_a_list():
    assert rate_list(0.1, 0.5) == [0.1]
    assert rate_list([0.1, 1], 0.5) == [0.1, 1.0]
    assert rate_list(None, 0.5) == [0.5]


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf"), [], [0.1, 0.1], ["0.1"]])
def test_wrong_rates_are_refused(rate):
    with pytest.raises(BalanceError, match="rate"):
        rate_list(rate, 0.5)


def test_a_count_is_what_is_given_or_the_default():
    assert count_of("epochs", 5, 30) == 5
    assert count_of("epochs", None, 30) == 30


@pytest.mark.parametrize("count", [0, -1, 1.5, "3", True])
def test_wrong_counts_are_refused_by_name(count):
    with pytest.raises(BalanceError, match="epochs must be a whole number from 1 on; found"):
        count_of("epochs", count, 30)


def test_a_batch_has_2_samples_at_least_and_those_of_training_at_most():
    assert batch_size_of(None, 64, 1000) == batch_size_of(64, 32, 64) == 64
    assert batch_size_of(None, 64, 40) == 40
    with pytest.raises(BalanceError, match="batch size must be a whole number from 2 on; found 1"):
        batch_size_of(1, 64, 1000)
    with pytest.raises(BalanceError, match=r"batch size 5000 is more .* 1000 training samples"):
        batch_size_of(5000, 64, 1000)


def test_wrong_objectives_are_refused():
    check_objective("fused")
    with pytest.raises(BalanceError, match=r"fused, fused\+unimodal.*Did you mean 'fused'"):
        check_objective("fuse")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:0", "cuda:999", ""])
def test_devices_that_are_not_here_are_refused(device):
    with pytest.raises(BalanceError, match="device"):
        check_device(device)
