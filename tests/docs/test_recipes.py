"""The page of the recipes says what the recipes say, and its commands are understood."""

import re
from pathlib import Path

import pytest

from equimodal.cli.parser import parse
from equimodal.errors import BalanceError
from equimodal.experiments import recipes
from equimodal.experiments.recipes.document import MARK, generated, write
from equimodal.experiments.recipes.shown import configuration, numbers

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def tables(section):
    return [cells(line) for line in section.splitlines() if line.startswith("| ")]


def test_the_tables_are_those_that_the_command_writes():
    assert PAGE.partition(MARK)[2] == f"\n\n{generated()}", (
        "run python -m equimodal.experiments.recipes.document docs/recipes.md"
    )


def test_what_is_written_by_hand_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Mine\n\n{MARK}\nold\n")
    write(page)
    assert page.read_text() == f"# Mine\n\n{MARK}\n\n{generated()}"
    page.write_text("# Mine\n")
    with pytest.raises(BalanceError, match="has no line"):
        write(page)


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipes_table_is_its_configuration_in_full(name):
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]
    assert tables(section)[1:] == [list(line) for line in configuration(recipes.load(name))]


def test_the_published_numbers_stand_in_one_table():
    start, _, _ = PAGE.partition(MARK)[2].partition("\n## ")
    found = [line for line in tables(start)[1:] if line[1] != "none"]
    assert found == [
        [name, *line] for name in recipes.names() for line in numbers(recipes.load(name))
    ]


@pytest.mark.parametrize("line", re.findall(r"^equimodal (.*?)(?:  .*)?$", PAGE, re.MULTILINE))
def test_every_command_is_understood(line):
    assert parse(line.split()).command == line.split()[0]
