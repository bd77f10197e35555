"""A comparison as Markdown."""

from __future__ import annotations

import pytest

from equimodal.errors import BalanceError
from equimodal.report import conclusions, markdown
from equimodal.report.read.rows import ordered_rows
from unit.report.synthetic import with_controls


def table_lines(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_every_line_of_the_table_has_as_many_cells(results):
    widths = {line.replace("\\|", "").count("|") for line in table_lines(markdown(results))}
    assert len(widths) == 1


def test_every_row_and_every_conclusion_is_there(results):
    text = markdown(results)
    for row in ordered_rows(results):
        assert f"\n| {row} |" in text
    assert text.count("\n* ") + text.startswith("* ") >= len(conclusions(results))


def test_what_a_number_needs_stands_beside_it(results):
    text = markdown(results)
    for needed in ("Pairs of image and sound are made", "0, 1, 2", "cosine", "torch 2.13.0"):
        assert needed in text
    assert "equimodal compare --data keypad" in text


def test_signs_of_markdown_are_escaped(build_results):
    results = build_results(rows=("joint", "my_own|*row*"), name="<b>set</b>")
    text = markdown(results)
    assert "| my\\_own\\|\\*row\\* |" in text
    assert "## \\<b>set\\</b>" in text


def test_it_ends_with_one_line_break(results):
    assert markdown(results).endswith("```\n")


def test_results_of_another_schema_are_refused():
    with pytest.raises(BalanceError, match="schema"):
        markdown({"schema": 1})


def test_further_controls_and_those_that_are_missing_stand_beneath_the_table(results):
    text = markdown(with_controls(results, "dus", "relearn-fixed", "amss-x"))
    assert "\n* dus against relearn-fixed: +" in text
    assert "controls that were not trained: amss-x (of dus)" in text
