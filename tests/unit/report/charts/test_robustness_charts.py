"""Curves of every row as a modality fades."""

import json
import re

import pytest

from equimodal.measures.robustness import KINDS
from equimodal.report import read_results, write_page
from equimodal.report.charts.robustness_charts import robustness_charts
from equimodal.report.page.sections import robustness
from equimodal.report.read.rows import group, ordered_rows
from unit.report.synthetic import section_text, with_robustness


@pytest.fixture
def charts(results):
    return robustness_charts(with_robustness(results))


def test_there_is_a_chart_of_every_kind_and_modality(charts):
    assert {kind: [chart.title for chart in own] for kind, own in charts.items()} == {
        kind: [f"sound {kind}", f"image {kind}"] for kind in KINDS
    }


def test_every_row_but_the_floor_has_a_line_that_a_reader_chooses(results, charts):
    rows = [row for row in ordered_rows(results) if group(results, row) != "floor"]
    lines = charts["noised"][0].lines
    assert [line.row for line in lines] == [line.name for line in lines] == rows
    kinds = {line.row: (line.colour, line.kind) for line in lines}
    assert kinds["joint"] == ("--ink", "line") and kinds["ensemble"] == ("--ink", "dotted")
    assert kinds["dus"] == ("--accent", "line") and kinds["dus-uniform"] == ("--muted", "line")


def test_a_line_runs_from_the_clean_score_to_that_of_all_of_it(results, charts):
    chart = charts["dropped"][1]
    (line,) = [line for line in chart.lines if line.row == "dus"]
    start, steps = line.path[1:].split("l")
    left, top = map(int, start.split())
    moved = [tuple(map(int, re.findall(r"[+-]?\d+", step))) for step in steps.split(" ")]
    assert left == 0 and [right for right, _ in moved] == [25] * 4
    clean = 100 * results["summary"]["dus"]["accuracy"]["mean"]
    assert top == round(250 * (1 - chart.y.place(clean) / 100))
    assert top + sum(down for _, down in moved) == round(250 * (1 - chart.y.place(clean / 2) / 100))


def test_the_numbers_have_both_robustnesses(charts):
    table = charts["shuffled"][0].table
    assert list(table.headings[:6]) == ["row", "0 %", "25 %", "50 %", "75 %", "100 %"]
    lines = {line[0]: line for line in table.lines}
    assert lines["dus"][-2:] == ("+1.0 [-1.0, +3.0]", "-3.0 [-5.0, -1.0]")
    assert lines["joint"][-2:] == ("-", "-")


def test_results_without_curves_have_no_section(results):
    assert robustness_charts(results) == {} and robustness(results) is None


def test_the_page_shows_them_for_the_rows_that_are_ticked(folder):
    results = with_robustness(read_results(folder))
    (folder / "results.json").write_text(json.dumps(results))
    page = write_page(folder).read_text()
    assert "sound noised" in page and "effective robustness" in page
    assert "Relative robustness is the mean height" in section_text(robustness(results))
