import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from equimodal.checks import (
    require_choice,
    require_flag,
    require_known,
    require_modality_names,
    require_number,
    require_settings,
    require_whole,
)
from equimodal.errors import BalanceError, DataError


def refused(rule, error=BalanceError):
    return pytest.raises(error, match=f"^{rule}")


def test_values_within_range_come_back_in_their_type():
    assert repr(require_number("a", 3, low=0, high=3)) == "3.0"
    assert repr(require_whole("a", 0, low=0, high=3)) == "0"
    assert require_flag("a", False) is False
    assert require_choice("a", "x", ("x", "y")) == "x"


@pytest.mark.parametrize("value", [3.1, -0.1, math.nan, math.inf, "1", None, True, [1]])
def test_what_is_no_number_within_range_is_refused(value):
    with refused("a must be a number from 0 to 3; found "):
        require_number("a", value, low=0, high=3)


@pytest.mark.parametrize("value", [4, -1, 1.0, "1", None, False])
def test_what_is_no_whole_number_within_range_is_refused(value):
    with refused("a must be a whole number from 0 to 3; found "):
        require_whole("a", value, low=0, high=3)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"above": 0}, "> 0"),
        ({"low": 0}, ">= 0"),
        ({"above": 0, "high": 1}, "> 0 and <= 1"),
        ({"low": 0.01, "high": 600}, "from 0.01 to 600"),
    ],
)
def test_a_number_out_of_range_is_told_the_range(bounds, said):
    assert require_number("a", 1, **bounds) == 1.0
    with refused(f"a must be a number {said}; found -1.$"):
        require_number("a", -1, **bounds)
    if "above" in bounds:
        with refused(f"a must be a number {said}; found 0.$"):
            require_number("a", 0, **bounds)


@pytest.mark.parametrize("value", [1, "true", None, np.True_])
def test_what_is_no_truth_value_is_refused(value):
    with refused("a must be true or false; found "):
        require_flag("a", value)


@pytest.mark.parametrize("value", ["z", "", None, ("x",)])
def test_what_is_no_option_is_refused(value):
    with refused("a must be one of x, y; found "):
        require_choice("a", value, ("x", "y"))


def test_the_caller_chooses_the_error():
    with refused("a must be true or false; found 1", DataError):
        require_flag("a", 1, error=DataError)


def test_a_name_that_is_not_known_is_told_what_is():
    require_known("fruit", "apple", ["apple", "pear"])
    said = r"There is no fruit 'aple'; write one of apple, pear or a nut\. Did you mean 'apple'\?$"
    with refused(said):
        require_known("fruit", "aple", ["apple", "pear"], " or a nut")


def test_a_setting_that_is_not_there_is_told_what_is():
    require_settings("keypad", {"snr": 3}, {"snr": 10.0})
    with refused("keypad has no setting 'snt'; it has snr. Did you mean 'snr'"):
        require_settings("keypad", ["snr", "snt"], {"snr": 10.0})
    with refused("mosi has no setting 'x'; it has none."):
        require_settings("mosi", ["x"], {})


@given(st.lists(st.text(max_size=4) | st.sampled_from(dir(nn.ModuleDict())), max_size=3))
def test_names_that_are_taken_as_modalities_serve_a_module_a_path_and_a_folder(names):
    try:
        require_modality_names(names)
    except BalanceError as error:
        assert "name a modality" in str(error) or "name modalities" in str(error)
        return
    held = nn.Module()
    held.parts = nn.ModuleDict({name: nn.Linear(1, 1) for name in names})
    for name in names:
        assert held.get_submodule(f"parts.{name}") is held.parts[name]
        assert name.isprintable()
        assert "/" not in name


@pytest.mark.parametrize("name", ["audio", "Ton", "音", "text 2", "left_hand", "a-b", "RGB+D"])
def test_plain_words_name_modalities(name):
    require_modality_names([name, "other"])


def test_two_modalities_whose_runs_would_lie_in_one_folder_are_refused():
    with refused("'a b' and 'a-b' cannot both name modalities"):
        require_modality_names(["a b", "a-b"])
