"""How numbers are written."""

from __future__ import annotations

import pytest

from equimodal.comparison.words import (
    duration,
    listing,
    mean_and_sd,
    number,
    percent,
    points,
    ratio,
)


def test_fractions_are_written_as_percent():
    assert percent(0.9184) == "91.8"
    assert percent(1.0) == "100.0"
    assert percent(None) == "-"


def test_a_mean_without_sd_stands_alone():
    assert mean_and_sd(0.9184, 0.004) == "91.8 ± 0.4"
    assert mean_and_sd(0.9184, None) == "91.8"
    assert mean_and_sd(None, None) == "-"


@pytest.mark.parametrize(
    ("value", "written"), [(0.0123, "+1.2"), (-0.2, "-20.0"), (0.0004, "0.0"), (-0.0004, "0.0")]
)
def test_points_carry_a_sign_unless_they_round_to_nothing(value, written):
    assert points(value) == written


def test_an_interval_stands_in_brackets_where_there_is_one():
    assert points(0.012, -0.003, 0.027) == "+1.2 [-0.3, +2.7]"
    assert percent(0.912, 0.9, 0.93) == "91.2 [90.0, 93.0]"
    assert points(0.012, None, None) == "+1.2"
    assert points(None) == percent(None, 0.1, 0.2) == "-"


TINY = 4e-6


@pytest.mark.parametrize("value", [0.0, -0.0, -TINY, TINY])
def test_what_rounds_to_nothing_carries_no_sign(value):
    assert number(value, ".3f") == "0.000"
    assert number(value, "+.1f") == "0.0"
    assert percent(value, -value, value) == "0.0 [0.0, 0.0]"
    assert points(value, -value, value) == "0.0 [0.0, 0.0]"
    assert percent(value, digits=0) == "0"
    assert mean_and_sd(value, 0.0, digits=2) == "0.00 ± 0.00"


def test_what_does_not_round_to_nothing_keeps_its_sign():
    assert number(-0.0, ".3g") == "0"
    assert number(-TINY, ".3g") == "-4e-06"
    assert number(float("nan"), ".1f") == "nan"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(None, "-"), (0.0031, "3.1 ms"), (4.2, "4.2 s"), (93.2, "1 min 33 s"), (3725.0, "1 h 2 min")],
)
def test_durations_are_written_in_two_units(seconds, written):
    assert duration(seconds) == written


def test_ratios_have_two_decimals():
    assert ratio(1.034) == "1.03"
    assert ratio(None) == "-"


def test_names_are_listed_as_in_a_sentence():
    assert listing([]) == "none"
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
