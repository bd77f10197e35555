"""The numbers beside a chart."""

from __future__ import annotations

from equimodal.comparison.words import points
from equimodal.report.charts.accuracy_charts import accuracy_chart, difference_chart
from equimodal.report.charts.chart_numbers import band_table, seed_table
from equimodal.report.charts.curve_charts import curve_charts, decision_charts
from equimodal.report.charts.figures import RowChart
from equimodal.report.charts.probe_charts import probe_charts
from equimodal.report.page.rendering import chart_section
from equimodal.report.read.history import Band, read_history
from equimodal.report.read.rows import Difference
from unit.report.synthetic import section_text


def test_a_row_has_its_mean_its_interval_and_every_seed():
    means = {"a": Difference(0.02, 0.01, 0.03, 2), "b": Difference(-0.01, None, None, 1)}
    found = seed_table(means, {"a": {3: 0.015, 5: 0.025}, "b": {5: -0.01}}, points)
    assert found.headings == ("row", "mean", "95 % interval", "seed 3", "seed 5")
    assert found.lines == [
        ("a", "+2.0", "+1.0 to +3.0", "+1.5", "+2.5"),
        ("b", "-1.0", "-", "-", "-1.0"),
    ]


def test_an_epoch_has_the_mean_and_the_range_of_every_band():
    one = Band([0, 1], [10.0, 20.0], [9.0, 20.0], [11.0, 20.0])
    other = Band([1], [5.5], [5.5], [5.5])
    found = band_table({"one": one, "other": other}, ".1f")
    assert found.headings == ("epoch", "one", "other")
    assert found.lines == [("1", "10.0 (9.0 to 11.0)", "-"), ("2", "20.0", "5.5")]


def test_every_chart_of_a_comparison_has_its_numbers(folder, results):
    history, _ = read_history(folder, results)
    shown = ["joint"]
    charts = [accuracy_chart(results, shown), difference_chart(results, shown)]
    charts += probe_charts(results)
    charts += curve_charts(results, history) + decision_charts(results, history, "dus")[0]
    for drawn in charts:
        assert drawn.table.lines
        assert all(len(line) == len(drawn.table.headings) for line in drawn.table.lines)


def test_a_chart_without_numbers_has_nothing_folded_away():
    bare = chart_section("a", "A", [RowChart("title", [], [])], [])
    assert "<figure>" in section_text(bare)
    assert "details" not in section_text(bare)
