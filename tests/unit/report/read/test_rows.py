"""Order and groups of rows, and what their runs measured."""

from __future__ import annotations

import math

import pytest

from equimodal.comparison.words import percent
from equimodal.report.read.rows import (
    Difference,
    accuracy,
    by_seed,
    finite,
    grouped_rows,
    note,
    ordered_rows,
    paired_by_seed,
    runs_of,
    with_interval,
)


def test_rows_stand_in_groups_and_in_the_plans_order(results):
    assert grouped_rows(results) == {
        "floor": ["untrained"],
        "alone": ["alone:sound", "alone:image"],
        "baselines": ["ensemble", "joint", "joint+unimodal"],
        "controls": ["amss-fixed", "dus-uniform", "relearn-fixed"],
        "methods": ["amss", "dus", "relearn"],
    }


def test_other_learning_rates_of_joint_are_controls(build_results):
    results = build_results(rows=("joint:half-lr", "joint", "mine"))
    assert grouped_rows(results) == {
        "baselines": ["joint"],
        "controls": ["joint:half-lr"],
        "methods": ["mine"],
    }


def test_a_control_stays_one_without_the_method_it_serves(build_results):
    results = build_results(rows=("joint", "dus-uniform"))
    assert grouped_rows(results)["controls"] == ["dus-uniform"]


def test_a_planned_row_without_a_summary_is_shown_with_its_reason(results):
    del results["summary"]["dus"]
    assert "dus" in ordered_rows(results)
    assert note(results, "dus") == "finished"
    results["runs"] = [run for run in results["runs"] if run["method"] != "dus"]
    assert note(results, "dus") == "not run"


def test_a_rows_accuracy_comes_with_the_interval_of_the_summary(results):
    entry = results["summary"]["dus"]["accuracy"]
    found = accuracy(results, "dus")
    assert (found.mean, found.low, found.high) == (entry["mean"], entry["low"], entry["high"])
    assert found.n == 3
    assert accuracy(results, "no row") is None


@pytest.mark.parametrize(
    ("seeds", "differing", "shown"),
    [(3, 10, 1), (5, 400, 1), (2, 400, 0), (1, 400, 0), (3, 9, 0), (3, 0, 0), (3, None, 0)],
)
def test_a_sentence_takes_three_seeds_and_ten_units_that_differ(seeds, differing, shown):
    found = Difference(0.039, 0.01, 0.07, seeds, differing)
    assert (found.sign, found.shown) == (1, shown)


@pytest.mark.parametrize(
    ("low", "high", "sign"), [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (None, None, 0)]
)
def test_a_sign_takes_the_whole_interval(low, high, sign):
    assert Difference(0.0, low, high, 3).sign == sign


def test_a_pair_takes_the_seeds_that_both_finished(results):
    runs = {(run["method"], run["seed"]): run for run in results["runs"]}
    for seed, (dus, joint) in enumerate([(0.95, 0.90), (0.96, 0.90), (0.99, 0.90)]):
        runs["dus", seed]["test"] = {"accuracy": dus}
        runs["joint", seed]["test"] = {"accuracy": joint}
    runs["dus", 2]["status"] = "diverged"
    found = paired_by_seed(results, "dus", "joint", "accuracy")
    assert found == {0: pytest.approx(0.05), 1: pytest.approx(0.06)}


def test_only_the_selected_learning_rate_stands_behind_a_row(results):
    trial = next(run for run in results["runs"] if run["method"] == "dus")
    results["runs"].append(trial | {"lr": 0.5, "test": {"accuracy": 0.0}})
    assert all(run["lr"] == 0.05 for run in runs_of(results, "dus"))
    assert by_seed(results, "dus", "accuracy")[0] > 0.9


def test_values_that_are_no_finite_number_are_left_out(results):
    for value in (None, math.nan, math.inf, "0.9", True):
        assert finite(value) is None
    run = next(run for run in results["runs"] if run["method"] == "dus")
    run["test"] = {"accuracy": math.nan}
    assert sorted(by_seed(results, "dus", "accuracy")) == [1, 2]


def test_a_difference_is_written_in_points_or_in_percent():
    found = Difference(0.012, -0.003, 0.027, 3)
    assert with_interval(found) == "+1.2 [-0.3, +2.7]"
    assert with_interval(found, percent) == "1.2 [-0.3, 2.7]"
    assert with_interval(Difference(0.012, None, None, 1)) == "+1.2"
    assert with_interval(None) == "-"
