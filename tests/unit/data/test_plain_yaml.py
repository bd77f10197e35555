"""Plain YAML as written, and everything else refused in a short line, whatever the file holds."""

import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equimodal.data.plain_yaml import read_yaml
from equimodal.errors import DataError


@pytest.fixture
def read(tmp_path):
    """What is read of a text in a file."""

    def run(text):
        path = tmp_path / "my.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path)

    return run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("# only this", None), ("a: 1", {"a": 1}), ("a: -0.5", {"a": -0.5}),
        ("a: 1e-3", {"a": 0.001}), ("a: .5", {"a": 0.5}), ("a: true", {"a": True}),
        ("a: ~\nb:", {"a": None, "b": None}), ("a: [x, 'y', \"1\"]", {"a": ["x", "y", "1"]}),
        ("a:\n  - {b: c}", {"a": [{"b": "c"}]}), ("﻿a: b", {"a": "b"}),
    ],
)  # fmt: skip
def test_plain_values_are_as_written(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    "text",
    ["2024-01-05", "2024-13-45", "010", "1:30", "yes", "off", "1_000", "0x10", ".inf", "0o7"],
)
def test_what_readers_of_yaml_disagree_on_is_the_text_that_stands_there(read, text):
    assert read(f"{text}: {text}") == {text: text}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x", "line 2 has an alias"), ("a: !!int abc", "line 1 has a tag"),
        ("!x {a: 1}", "has a tag"), ("a: 1\na: 2", "'a' stands twice, again in line 2"),
        ("[a]: 1", "is no text"), ("? {a: b}\n: c", "is no text"),
        ("--- a\n--- b", "a second document"),
        ("[" * 3000, "more than 16 lists"), ("a: " + "9" * 5000, "5,000 characters"),
        ("a: [", "is no YAML"), (b"a: \xff", "is no YAML"), ("a: \x1b", "is no YAML"),
        ("x" * 1_000_001, "more than 1,000,000 bytes"),
        ("[" + "1," * 100_001 + "]", "100,000 values"),
        ('a: "\\ud800"', "line 1 holds half a character"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(read, text, said):
    with pytest.raises(DataError, match=f"^my.yaml.*{said}") as found:
        read(text)
    assert len(str(found.value)) < 2100


@pytest.mark.parametrize("levels", [3, 7, 12])
def test_aliases_do_not_multiply(read, levels):
    lines = ["- &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"- &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    with pytest.raises(DataError, match="line 2 has an alias"):
        read("\n".join(lines))


_scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=6)
_values = st.recursive(
    _scalars,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3),
    max_leaves=8,
)
_pieces = st.sampled_from(
    [*"ab:,-[]{}'\"&*!?|>#%@~09.e \n\t", *("---", "...", "<<", "!!int", "&x", "*x", "\n  ", ": ")]
)
_here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@_here
@given(value=_values)
def test_what_json_writes_is_read_as_it_was(read, value):
    assert read(json.dumps(value)) == value


@_here
@given(value=_values)
def test_what_a_writer_of_yaml_writes_is_read_as_it_was(read, value):
    assert read(yaml.safe_dump(value, allow_unicode=False)) == value


@_here
@given(pieces=st.lists(_pieces, max_size=25))
def test_any_text_is_read_or_refused(read, pieces):
    try:
        read("".join(pieces))
    except DataError as error:
        assert str(error).startswith("my.yaml")
