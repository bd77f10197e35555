"""Accuracy against the time of a step."""

from __future__ import annotations

import pytest

from equimodal.report.charts.cost_chart import Cost, cost_chart, costs, undominated


def test_rows_stand_from_the_cheapest_on(results):
    for row, ratio in {"joint": 1.0, "dus": 0.9, "amss": 1.5}.items():
        results["summary"][row]["step_time_ratio"] = ratio
    found = [cost.row for cost in costs(results)]
    assert found[0] == "dus" and found[1] == "joint" and found[-1] == "amss"
    assert "untrained" not in found and "alone:sound" not in found


def test_a_row_is_kept_when_no_cheaper_one_reaches_it():
    found = [Cost("a", 1.0, None, 0.8), Cost("b", 1.2, None, 0.7), Cost("c", 1.3, None, 0.9)]
    found += [Cost("d", 1.3, None, 0.95), Cost("e", 2.0, None, 0.95)]
    assert [cost.row for cost in undominated(found)] == ["a", "d"]


def test_the_chart_holds_accuracy_and_time_of_every_row(results):
    drawn = cost_chart(results, ["joint"])
    line = next(line for line in drawn.table.lines if line[0] == "dus")
    assert line[1:3] == ("1.03", "4.2 s")
    assert drawn.rows == [cost.row for cost in costs(results)]
    times, scores = drawn.panels
    assert times.marks["dus"][0].value == pytest.approx(1.034)
    assert scores.marks["dus"][0].value == pytest.approx(100 * costs_of(results)["dus"].accuracy)
    assert scores.marks["relearn"][0].kind == "ring"  # joint is as cheap and reaches more


def costs_of(results):
    return {cost.row: cost for cost in costs(results)}


def test_times_that_were_not_taken_draw_nothing(results):
    for entry in results["summary"].values():
        entry["step_time_ratio"] = None
    assert cost_chart(results, []) is None
