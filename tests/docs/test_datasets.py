"""The page of the data sets names all of them, their terms, and commands that are understood."""

import re
from pathlib import Path

import pytest

from equimodal import data
from equimodal.cli.parser import parse
from equimodal.data import converters, download

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text()


def test_every_data_set_has_a_row_in_a_table():
    rows = re.findall(r"^\| `([a-z0-9-]+)`", PAGE, re.MULTILINE)

    assert set(rows) == {*data.names(), *converters.names()}


@pytest.mark.parametrize("line", re.findall(r"^equimodal (.*?)(?:  .*)?$", PAGE, re.MULTILINE))
def test_every_command_is_understood(line):
    assert parse(line.split()).command == line.split()[0]


def test_every_setting_that_is_named_is_one():
    named = re.findall(r"\b([a-z0-9-]+)\.([a-z_]+)=", PAGE)
    sets = [(name, setting) for name, setting in named if name in converters.names()]

    assert len(sets) > 5
    assert all(setting in converters.describe(name).settings for name, setting in sets)


def test_what_is_fetched_is_named():
    assert all(f"`{name}`" in PAGE or f"get {name}`" in PAGE for name in download.FETCHED)
