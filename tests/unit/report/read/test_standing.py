"""The best row, chosen by validation, and what it is not shown to be better than."""

from __future__ import annotations

import json

import pytest

from equimodal.report import renew
from equimodal.report.kept.standing_store import STANDING, keep_standing, read_standing
from equimodal.report.read.rows import Difference, by_seed
from equimodal.report.read.standing import (
    best_row,
    by_validation,
    rivals,
    shown_first,
    standing,
)
from unit.report.synthetic import make_field, write_folder, write_predictions


def difference(mean, low, high, n=3):
    return Difference(mean, low, high, n, 40)


def judged_by_validation(results, row, value):
    """The results, where a row has other scores on validation than on test."""
    for run in results["runs"]:
        if run["method"] == row:
            run["validation"] = {**run["validation"], "accuracy": value}
    return results


def test_the_best_row_is_that_of_validation_whatever_test_says(results):
    assert best_row(results) == "joint+unimodal"
    assert best_row(judged_by_validation(results, "relearn", 0.999)) == "relearn"


def test_controls_and_single_modalities_are_never_best(results):
    for row in ("amss-fixed", "alone:image", "untrained"):
        judged_by_validation(results, row, 1.0)
    assert best_row(results) == "joint+unimodal"


def test_a_row_of_which_a_seed_is_lost_is_not_best(results):
    run = next(r for r in results["runs"] if r["method"] == "joint+unimodal")
    run |= {"status": "diverged", "validation": None, "test": None}
    assert best_row(results) == "ensemble"


def test_without_a_finished_row_there_is_no_best(results):
    results["runs"] = []
    assert best_row(results) is None
    assert list(standing(results, {})) == []


def test_charts_show_first_the_baselines_and_the_five_methods_best_on_validation():
    results = make_field(40)
    shown = shown_first(results)
    best = by_validation(results, "methods")[:5]
    assert set(best) <= set(shown)
    assert {"untrained", "alone:sound", "alone:image", "ensemble", "joint"} <= set(shown)
    assert len(shown) == 11
    assert not any(row.endswith("-fixed") for row in shown)


def test_the_best_row_is_held_against_all_but_itself_and_the_floor(results):
    assert not {"untrained", "joint+unimodal"} & set(rivals(results))
    assert {"alone:sound", "amss-fixed", "joint"} <= set(rivals(results))


def test_what_is_and_is_not_shown_is_told_the_nearest_first(results):
    held = {
        "dus": difference(0.01, -0.01, 0.03),
        "ensemble": difference(0.005, -0.01, 0.02),
        "amss": difference(-0.04, -0.05, -0.03),
        "joint": difference(0.04, 0.03, 0.05),
    }
    told = list(standing(results, held))
    assert told[0].startswith("Best: joint+unimodal, 96.")
    assert told[0].endswith("% accuracy on test, chosen by validation")
    assert told[1:] == [
        "Not shown better than amss, ensemble and dus",
        "Shown to be below amss",
        "Shown better than joint",
    ]


def test_many_rows_are_counted(results):
    held = {f"m{i}": difference(0.04, 0.03, 0.05) for i in range(9)}
    held["alone:a"] = held["m0"]
    assert list(standing(results, held))[1:] == ["Shown better than every row"]
    held["x"] = difference(0.0, -0.1, 0.1)
    assert list(standing(results, held))[1:] == [
        "Not shown better than x",
        "Shown better than 10 rows (alone:a among them)",
    ]


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({}, "Without the predictions of the runs it is held against no other row"),
        ({"a": Difference(0.1, None, None, 3)}, "Without the predictions of the runs"),
        ({"a": difference(0.1, 0.05, 0.2, 2)}, "Not shown better than any row: that takes 3 seeds"),
    ],
)
def test_without_predictions_or_seeds_less_is_said(results, held, told):
    assert list(standing(results, held))[1].startswith(told)


@pytest.fixture
def predicted(folder, results):
    return write_predictions(folder, results)


def test_the_differences_are_kept_with_the_one_interval(predicted, results):
    keep_standing(predicted, results)
    held = read_standing(predicted, results)
    assert set(held) == set(rivals(results))
    found = held["joint"]
    best, joint = (
        sum(by_seed(results, row, "accuracy").values()) / 3 for row in ("joint+unimodal", "joint")
    )
    assert found.mean == pytest.approx(best - joint, abs=0.02)  # of 60 samples a seed
    assert found.low < found.mean < found.high and found.n == 3


def test_differences_of_another_best_row_are_not_taken_and_made_anew(predicted, results):
    keep_standing(predicted, results)
    judged_by_validation(results, "dus", 0.999)
    assert read_standing(predicted, results) == {}
    (predicted / "samples.json").write_text("{}")
    (predicted / "diagnosis.json").write_text("{}")
    renew(predicted, results)
    assert "joint+unimodal" in read_standing(predicted, results)


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "other"}', "{}"])
def test_a_damaged_file_holds_nothing(predicted, results, content):
    (predicted / STANDING).write_text(content)
    assert read_standing(predicted, results) == {}


def test_runs_without_predictions_have_a_mean_and_no_interval(tmp_path, results):
    folder = write_folder(tmp_path / "bare", results)
    keep_standing(folder, results)
    assert read_standing(folder, results)["joint"].low is None
    (folder / STANDING).unlink()
    results["runs"] = []
    keep_standing(folder, results)
    assert not (folder / STANDING).exists()
    assert json.loads((folder / "results.json").read_text())["runs"]
