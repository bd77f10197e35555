"""Predictions of the runs, and who knows the answer."""

from __future__ import annotations

import numpy as np
import pytest

from equimodal.report.charts.class_chart import class_chart
from equimodal.report.charts.figures import MOST
from equimodal.report.read.knowledge import (
    class_accuracy,
    class_table,
    pattern_name,
    share_table,
    shares,
)
from equimodal.report.read.predictions import (
    Prediction,
    alone_rows,
    fused_row,
    read_prediction,
    read_predictions,
)
from unit.report.synthetic import write_predictions


def predicted(said, labels, classes=3):
    return Prediction(np.eye(classes)[np.array(said)], np.array(labels))


@pytest.fixture
def predictions():
    labels = [0, 1, 2, 0]
    return {
        "alone:sound": {0: predicted([0, 1, 0, 1], labels)},
        "alone:image": {0: predicted([0, 0, 0, 1], labels)},
        "joint": {0: predicted([0, 1, 0, 0], labels)},
    }


def test_probabilities_are_the_softmax_of_huge_logits_too(tmp_path, results):
    run = results["runs"][-1]
    place = tmp_path / run["folder"]
    place.mkdir(parents=True)
    logits = np.zeros((2, 10))
    logits[0, 3], logits[1, :2] = 1e4, np.log(4)
    np.savez(place / "predictions.npz", test_logits=logits, test_labels=[3, 5])
    found = read_prediction(tmp_path, run, 10)
    assert found.probabilities[0, 3] == 1.0
    assert found.probabilities[1] == pytest.approx([0.25] * 2 + [0.0625] * 8)
    assert found.right.tolist() == [True, False]


def test_what_cannot_be_used_is_left_out(tmp_path, results):
    run = results["runs"][-1]
    path = tmp_path / run["folder"] / "predictions.npz"
    path.parent.mkdir(parents=True)
    assert read_prediction(tmp_path, run, 10) is None
    path.write_bytes(b"no archive")
    assert read_prediction(tmp_path, run, 10) is None
    np.savez(path, test_logits=np.zeros((2, 10)))
    assert read_prediction(tmp_path, run, 10) is None
    np.savez(path, test_logits=np.full((2, 10), np.nan), test_labels=[0, 1])
    assert read_prediction(tmp_path, run, 10) is None
    np.savez(path, test_logits=np.zeros((2, 10)), test_labels=[0, 1])
    assert read_prediction(tmp_path, run, 9) is None
    assert read_prediction(tmp_path / "other", run | {"folder": "../" + run["folder"]}, 10) is None
    assert read_prediction(tmp_path, run | {"status": "diverged"}, 10) is None


def test_runs_on_other_samples_are_not_laid_beside_the_rest(folder, results):
    write_predictions(folder, results)
    run = next(r for r in results["runs"] if r["method"] == "dus" and r["seed"] == 1)
    logits, labels = np.eye(10), np.arange(10)
    np.savez(folder / run["folder"] / "predictions.npz", test_logits=logits, test_labels=labels)
    found = read_predictions(folder, results)
    assert set(found["dus"]) == {0, 2}
    assert set(found["joint"]) == {0, 1, 2}


def test_joint_is_the_fused_row_and_else_the_first_that_trains_all(results, predictions):
    assert fused_row(results, predictions) == "joint"
    rest = {"dus": predictions["joint"], "ensemble": predictions["joint"]}
    assert fused_row(results, rest) == "dus"
    assert fused_row(results, {"ensemble": predictions["joint"]}) is None
    assert alone_rows(results, predictions) == {"sound": "alone:sound", "image": "alone:image"}


def test_who_is_right_is_counted_with_what_the_fused_model_makes_of_it(results, predictions):
    found = {part.known: (part.share, part.fused) for part in shares(results, predictions)}
    assert found == {
        (True, True): (0.25, 1.0),
        (True, False): (0.25, 1.0),
        (False, False): (0.5, 0.5),
    }
    assert share_table(results, predictions).lines[0] == ("none of them", "50.0", "50.0")
    assert share_table(results, predictions).headings[2] == "joint right, %"


def test_one_model_alone_is_not_compared(results, predictions):
    del predictions["alone:image"]
    assert shares(results, predictions) == []


@pytest.mark.parametrize(
    ("known", "name"),
    [((0, 0, 0), "none of them"), ((0, 1, 0), "only b"), ((1, 0, 1), "a and c")],
)
def test_patterns_are_named(known, name):
    assert pattern_name(["a", "b", "c"], known) == name


def test_every_class_has_its_share_of_recognised_samples(predictions):
    rate = class_accuracy(predictions["joint"], 4)
    assert rate[:3].tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(rate[3])
    assert class_table(["a", "b", "c", "d"], {"joint": rate}).lines[3] == ("d", "-")


def test_many_classes_are_reduced_to_those_that_differ_most(results):
    count = MOST + 5
    results["data"]["classes"] = [f"c{i}" for i in range(count)]
    labels = np.arange(count)
    alone = predicted(np.where(labels < 3, (labels + 1) % count, labels), labels, count)
    found = {"alone:sound": {0: alone}, "joint": {0: predicted(labels, labels, count)}}
    drawn = class_chart(results, found)
    assert drawn.title == f"Recognised of the {MOST} classes that differ most, of {count}"
    assert {"c0", "c1", "c2"} <= set(drawn.rows)
    assert len(drawn.rows) == MOST
    assert len(drawn.table.lines) == count


def test_without_predictions_there_is_no_chart(results):
    assert class_chart(results, {}) is None
