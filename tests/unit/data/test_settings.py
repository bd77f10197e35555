import numpy as np
import pytest

from equimodal.data.settings import choice, flag, number, whole
from equimodal.errors import DataError


def test_values_within_range_come_back_in_their_type():
    assert repr(number("a", 3, low=0, high=3)) == "3.0"
    assert repr(whole("a", 0, low=0, high=3)) == "0"
    assert flag("a", False) is False
    assert choice("a", "x", ("x", "y")) == "x"


@pytest.mark.parametrize("value", [3.1, -0.1, float("nan"), float("inf"), "1", None, True, [1]])
def test_what_is_no_number_within_range_is_refused(value):
    with pytest.raises(DataError, match="a must be a number from 0 to 3, found "):
        number("a", value, low=0, high=3)


@pytest.mark.parametrize("value", [4, -1, 1.0, "1", None, False])
def test_what_is_no_whole_number_within_range_is_refused(value):
    with pytest.raises(DataError, match="a must be a whole number from 0 to 3, found "):
        whole("a", value, low=0, high=3)


@pytest.mark.parametrize("value", [1, "true", None, np.True_])
def test_what_is_no_truth_value_is_refused(value):
    with pytest.raises(DataError, match="a must be true or false, found "):
        flag("a", value)


@pytest.mark.parametrize("value", ["z", "", None, ("x",)])
def test_what_is_no_option_is_refused(value):
    with pytest.raises(DataError, match="a must be one of x, y; found "):
        choice("a", value, ("x", "y"))
