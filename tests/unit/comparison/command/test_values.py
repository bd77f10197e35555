"""How the text of an argument is read, and how a value is written as such a text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equimodal.comparison.command.values import (
    seeds,
    seeds_text,
    setting_text,
    setting_texts,
    setting_value,
    settings,
    short_text,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda parts: st.lists(parts).map(tuple), max_leaves=6)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.2", 0.2),
        ("5", 5),
        ("1e-3", 0.001),
        ("true", True),
        ("False", False),
        ("none", None),
        ("update", "update"),
        ("0.1,0.9", (0.1, 0.9)),
        ("[0.1, 0.9]", (0.1, 0.9)),
        ("[[1, 2], [3]]", ((1, 2), (3,))),
        ("0.5,", (0.5,)),
        ("pix,fou,mor", ("pix", "fou", "mor")),
        ("a=b", "a=b"),
        ('"0.2"', "0.2"),
    ],
)
def test_a_setting_is_read_as_what_it_looks_like(text, value):
    read = setting_value(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (1.0, "1.0"),
        ((0.5,), "0.5,"),
        ([0.8, 0.99], "0.8,0.99"),
        (("pix", "fou"), "pix,fou"),
        (None, "none"),
        (True, "true"),
        ("update", "update"),
        ("true", '"true"'),
        ("a, b", '"a, b"'),
        ((), "[]"),
        (((1, 2), (3,)), "[[1, 2], [3]]"),
    ],
)
def test_a_value_is_written_plainly_where_that_is_read_as_it(value, text):
    assert setting_text(value) == text


@given(st.dictionaries(st.sampled_from(["amss.tau", "my set.it's"]), VALUES))
def test_what_is_written_is_read_as_the_same_values(values):
    # As JSON, in which 1, 1.0 and true differ and not-a-number equals itself.
    assert json.dumps(settings(setting_texts(values))) == json.dumps(values)


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("0,1,7", [0, 1, 7]), ("7,", [7]), ("4, 5", [4, 5])]
)
def test_seeds_are_a_number_or_a_list(text, value):
    assert seeds(text) == value


@pytest.mark.parametrize(("given", "text"), [((0, 1, 2), "3"), ((0,), "1"), ((7,), "7,")])
def test_seeds_are_written_as_a_number_where_they_are_the_first_ones(given, text):
    assert seeds_text(given) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [((2 / 9, 3.0), "0.2222,3"), ([2 / 9], "0.2222,"), (1e-5, "1e-05"), ("none", "none")],
)
def test_what_is_shown_is_short(value, text):
    assert short_text(value, 4) == text
