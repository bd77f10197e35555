"""What the charts draw."""

from __future__ import annotations

import math

import pytest

from equimodal.report.charts.accuracy_charts import accuracy_chart, difference_chart
from equimodal.report.charts.curve_charts import curve_charts, decision_charts
from equimodal.report.charts.figures import COLOURS, colour
from equimodal.report.charts.probe_charts import probe_charts
from equimodal.report.read.history import read_history
from equimodal.report.read.rows import by_seed, ordered_rows


def test_accuracy_shows_every_row_but_the_floor(results):
    seeds, means = accuracy_chart(results).data
    rows = [row for row in ordered_rows(results) if row != "untrained"]
    assert means["y"] == rows
    assert len(seeds["x"]) == 3 * len(rows)
    joint = by_seed(results, "joint", "accuracy").values()
    assert means["x"][rows.index("joint")] == pytest.approx(100 * sum(joint) / 3)


def test_differences_leave_out_joint_floor_and_alone(results):
    chart = difference_chart(results)
    rows = chart.data[1]["y"]
    assert "joint" not in rows and "untrained" not in rows and "alone:sound" not in rows
    assert chart.layout["xaxis"]["zeroline"] is True


def test_error_bars_are_the_intervals(results):
    means = difference_chart(results).data[1]
    at = means["y"].index("dus")
    said = results["summary"]["dus"]["difference_to_joint"]
    assert means["x"][at] + means["error_x"]["array"][at] == pytest.approx(100 * said["high"])
    assert means["x"][at] - means["error_x"]["arrayminus"][at] == pytest.approx(100 * said["low"])


def test_a_huge_interval_is_cut_and_the_title_says_so(results):
    results["summary"]["amss"]["difference_to_joint"] |= {"low": -9.0, "high": 9.0}
    chart = difference_chart(results)
    low, high = chart.layout["xaxis"]["range"]
    assert "cut at the edges" in chart.title
    assert -20 < low < high < 20
    assert all(low < value < high for value in chart.data[0]["x"])


def test_one_seed_draws_the_bars_of_this_training_alone(build_results):
    chart = difference_chart(build_results(seeds=(0,)))
    assert chart.data[1]["error_x"]["array"] == pytest.approx([2.0] * len(chart.data[1]["x"]))
    assert "cut" not in chart.title


def test_without_results_there_is_no_chart(build_results):
    results = build_results(rows=("joint",))
    assert difference_chart(results) is None
    results["runs"], results["summary"] = [], {}
    assert accuracy_chart(results) is None
    assert probe_charts(results) == []


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_modality_has_its_probe_chart_with_two_references(build_results, count):
    names = ("sound", "image", "text", "depth")[:count]
    rows = ("untrained", *(f"alone:{m}" for m in names), "joint", "dus")
    charts = probe_charts(build_results(modalities=names, rows=rows))
    assert [chart.title for chart in charts] == list(names)
    assert charts[0].data[0]["y"] == ["untrained", "alone:sound", "joint", "dus"]
    assert all(len(chart.layout["shapes"]) == 2 for chart in charts)


def test_curves_stand_beside_the_modality_trained_alone(folder, results):
    history, _ = read_history(folder, results)
    charts = curve_charts(results, history)
    assert [chart.title for chart in charts][:2] == ["joint", "joint+unimodal"]
    dotted = [trace for trace in charts[0].data if trace.get("line", {}).get("dash") == "dot"]
    assert len(dotted) == 2
    assert dotted[0]["x"][0] == 1
    assert len({tuple(chart.layout["yaxis"]["range"]) for chart in charts}) == 1


def test_decisions_have_one_chart_each(folder, results):
    history, _ = read_history(folder, results)
    charts, constant = decision_charts(results, history, "relearn")
    assert [chart.title for chart in charts] == [
        "purity on training data",
        "purity on validation data",
        "purity gap",
        "strength of re-initialisation",
    ]
    assert constant == {}
    assert decision_charts(results, history, "joint") == ([], {})


def test_a_decision_that_never_changes_is_told_not_drawn(results):
    entry = {"step": 0, "epoch": 0, "name": "fraction", "values": {"sound": 0.5, "image": 0.5}}
    history = {"amss-fixed": [{"curves": [], "decisions": [entry, entry | {"epoch": 1}]}]}
    assert decision_charts(results, history, "amss-fixed") == (
        [],
        {"fraction of units updated": 0.5},
    )


def test_a_decision_of_an_unknown_method_is_drawn_under_its_name(results):
    entries = [
        {"step": e, "epoch": e, "name": "new_idea", "values": {"sound": float(e), "other": 1.0}}
        for e in range(3)
    ]
    charts, _ = decision_charts(results, {"x": [{"curves": [], "decisions": entries}]}, "x")
    assert charts[0].title == "new idea"
    assert not any(math.isnan(value) for trace in charts[0].data for value in trace["y"])


def test_colours_repeat_only_after_all_were_used():
    assert len({colour(index) for index in range(COLOURS)}) == COLOURS
    assert colour(COLOURS) == colour(0)
