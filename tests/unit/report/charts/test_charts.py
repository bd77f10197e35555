"""What the charts draw."""

from __future__ import annotations

import pytest

from equimodal.report.charts.accuracy_charts import accuracy_chart, difference_chart
from equimodal.report.charts.chart_numbers import Table, thinned
from equimodal.report.charts.curve_charts import (
    _limits,
    curve_charts,
    decision_charts,
    loss_charts,
    rate_charts,
)
from equimodal.report.charts.figures import COLOURS, Axis, around, colour
from equimodal.report.charts.lines import band_chart
from equimodal.report.charts.probe_charts import probe_charts
from equimodal.report.read.history import Band, read_history
from equimodal.report.read.rows import by_seed, ordered_rows
from equimodal.report.read.standing import shown_first


@pytest.fixture
def shown(results):
    return shown_first(results)


def by_kind(chart, row, kind):
    return [mark for mark in chart.panels[0].marks[row] if mark.kind == kind]


def test_accuracy_shows_every_row_but_the_floor_the_best_on_top(results, shown):
    chart = accuracy_chart(results, shown)
    assert set(chart.rows) == {row for row in ordered_rows(results) if row != "untrained"}
    means = [by_kind(chart, row, "dot")[0].value for row in chart.rows]
    assert means == sorted(means, reverse=True)
    assert all(len(by_kind(chart, row, "ring")) == 3 for row in chart.rows)
    joint = by_seed(results, "joint", "accuracy").values()
    assert by_kind(chart, "joint", "dot")[0].value == pytest.approx(100 * sum(joint) / 3)


def test_differences_leave_out_joint_floor_and_alone(results, shown):
    chart = difference_chart(results, shown)
    assert not {"joint", "untrained", "alone:sound"} & set(chart.rows)
    assert chart.panels[0].axis.zero


def test_lines_through_dots_are_the_intervals(results, shown):
    (mean,) = by_kind(difference_chart(results, shown), "dus", "dot")
    said = results["summary"]["dus"]["difference_to_joint"]
    assert (mean.low, mean.high) == pytest.approx((100 * said["low"], 100 * said["high"]))


def test_a_huge_interval_is_cut_and_the_title_says_so(results, shown):
    results["summary"]["amss"]["difference_to_joint"] |= {"low": -9.0, "high": 9.0}
    chart = difference_chart(results, shown)
    axis = chart.panels[0].axis
    assert "cut at the edges" in chart.title
    assert -20 < axis.low < axis.high < 20
    assert axis.place(900) == 100 and axis.outside(900)


def test_rows_far_off_that_are_not_shown_leave_the_axis_to_the_others(build_results):
    rows = ("joint", *(f"m{i}" for i in range(20)))
    results = build_results(rows=rows)
    results["summary"]["m7"]["accuracy"] |= {"mean": 0.1, "low": 0.05, "high": 0.15}
    near = accuracy_chart(results, ["joint"]).panels[0].axis
    assert near.low > 80 and near.outside(10)
    assert not accuracy_chart(results, ["m7"]).panels[0].axis.outside(10)


def test_one_seed_draws_the_bars_of_this_training_alone(build_results):
    results = build_results(seeds=(0,))
    chart = difference_chart(results, shown_first(results))
    (mean,) = by_kind(chart, "dus", "dot")
    assert mean.high - mean.value == pytest.approx(2.0)
    assert "cut" not in chart.title


def test_without_results_there_is_no_chart(build_results):
    results = build_results(rows=("joint",))
    assert difference_chart(results, ["joint"]) is None
    results["runs"], results["summary"] = [], {}
    assert accuracy_chart(results, ["joint"]) is None
    assert probe_charts(results) == []


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_modality_has_its_probe_chart_with_two_references(build_results, count):
    names = ("sound", "image", "text", "depth")[:count]
    rows = ("untrained", *(f"alone:{m}" for m in names), "joint", "dus")
    charts = probe_charts(build_results(modalities=names, rows=rows))
    assert [chart.title for chart in charts] == list(names)
    assert set(charts[0].rows) == {"untrained", "alone:sound", "joint", "dus"}
    bars = [charts[0].panels[0].marks[row][0].value for row in charts[0].rows]
    assert bars == sorted(bars, reverse=True)
    assert all(len(chart.panels[0].references) == 2 for chart in charts)


def test_curves_stand_beside_the_modality_trained_alone(folder, results):
    history, _ = read_history(folder, results)
    charts = curve_charts(results, history)
    assert [chart.title for chart in charts][:2] == ["joint", "joint+unimodal"]
    assert [line.name for line in charts[0].lines if line.kind == "dotted"] == [
        "sound alone",
        "image alone",
    ]
    assert charts[0].x.low == 1
    assert len({(chart.y.low, chart.y.high) for chart in charts}) == 1
    assert [chart.row for chart in charts] == [chart.title for chart in charts]


def test_losses_and_learning_rates_are_drawn_of_what_was_recorded(folder, results):
    history, _ = read_history(folder, results)
    joint = loss_charts(results, history)[0]
    assert (joint.row, joint.y.title) == ("joint", "loss")
    names = {line.name for line in joint.lines}
    assert names == {"loss of the row", "fused model", "fused model, validation"}
    (rate,) = rate_charts(results, history)
    assert rate.title.startswith("alone:sound, alone:image, joint")
    assert rate.table.lines[0] == ("1", "0.05")


def test_rows_of_another_learning_rate_have_a_chart_of_their_own(results):
    def records(rate):
        return [{"curves": [{"epoch": e, "lr": rate} for e in range(3)], "decisions": []}]

    charts = rate_charts(results, {"joint": records(0.1), "dus": records(0.2)})
    assert [chart.title for chart in charts] == ["joint", "dus"]
    assert loss_charts(results, {"joint": records(0.1)}) == []


def test_every_axis_has_a_title(folder, results):
    history, _ = read_history(folder, results)
    shown = shown_first(results)
    rows = [
        accuracy_chart(results, shown),
        difference_chart(results, shown),
        *probe_charts(results),
    ]
    assert all(panel.axis.title for chart in rows for panel in chart.panels)
    lines = [*curve_charts(results, history), *loss_charts(results, history)]
    lines += [*rate_charts(results, history), *decision_charts(results, history, "dus")[0]]
    assert all(chart.x.title == "epoch" and chart.y.title for chart in lines)


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (0, 1, "0 0.2 0.4 0.6 0.8 1"),
        (-3, 4, "-2 0 2 4"),
        (91.2, 96.4, "92 94 96"),
        (0, 0, "-0.4 -0.2 0 0.2 0.4"),
        (40, 40, "20 30 40 50 60"),
    ],
)
def test_an_axis_is_labelled_with_round_values(low, high, written):
    axis = Axis("x", low, high)
    assert " ".join(text for _, text in axis.ticks) == written
    assert [place for place, _ in axis.ticks] == sorted(place for place, _ in axis.ticks)


@pytest.mark.parametrize("values", [(-5000.0, -300.0), (-5000.0, 40.0), (-3.0, 2.0), (20.0, 90.0)])
def test_r2_below_zero_has_an_axis(values):
    """A regression that had learned nothing had an axis from 0 down to -47."""
    band = Band([0.0, 1.0], list(values), list(values), list(values))
    for low, high in (_limits([band]), around(values, 1.0, ends=(-100.0, 100.0))):
        assert low < high
        assert Axis("R2", low, high).ticks


def test_epochs_are_labelled_by_whole_numbers():
    assert [text for _, text in Axis("epoch", 1, 3, whole=True).ticks] == ["1", "2", "3"]


def test_many_epochs_are_thinned_to_the_first_the_last_and_some_between():
    assert thinned(5, 8) == [0, 1, 2, 3, 4]
    found = thinned(1000, 8)
    assert (len(found), found[0], found[-1]) == (8, 0, 999)


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
    assert all(line.path.startswith("M0 ") for line in charts[0].lines)


def test_colours_repeat_only_after_all_were_used():
    assert len({colour(index) for index in range(COLOURS)}) == COLOURS
    assert colour(COLOURS) == colour(0)


def test_a_line_is_drawn_from_epoch_to_epoch_its_shade_there_and_back():
    band = Band([0, 1, 2, 3], [0.0, 0.5, 1.0, 1.0], [0.0, 0.4, 1.0, 1.0], [0.0, 0.6, 1.0, 1.0])
    drawn = band_chart("t", "l", Axis("y", 0, 1), {"a": (band, "--m0", "line")}, Table())
    shade, line = drawn.lines
    assert (line.kind, line.path) == ("line", "M0 250l1-125 1-125 1+0")
    assert (shade.kind, shade.path) == (
        "shade",
        "M0 250l1-150 1-100 1+0 0+0 -1+0 -1+150 -1+100Z",
    )
    assert drawn.box == "0 0 3 250"


def test_few_points_are_dots_and_one_alone_is_no_line():
    def kinds(count):
        band = Band(*(list(range(count)) for _ in range(4)))
        bands = {"a": (band, "--m0", "line")}
        return [line.kind for line in band_chart("t", "l", Axis("y", 0, 5), bands, Table()).lines]

    assert (kinds(1), kinds(3), kinds(4)) == (["points"], ["line", "points"], ["line"])
