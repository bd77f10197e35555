"""Which classes are taken for which others."""

from __future__ import annotations

import numpy as np

from equimodal.report.charts.confusion import confusions, counted
from equimodal.report.charts.figures import MOST
from equimodal.report.page.sample_section import confused
from equimodal.report.read.predictions import Prediction
from unit.report.synthetic import section_text


def predicted(said, labels, classes=3):
    return Prediction(np.eye(classes)[np.array(said)], np.array(labels))


def test_samples_are_counted_by_class_and_answer_over_all_seeds():
    found = {0: predicted([0, 1, 1], [0, 0, 1]), 1: predicted([2, 2], [2, 0])}
    assert counted(found, 3).tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 1]]


def test_joint_and_the_best_row_are_shown_in_percent_of_each_class(results):
    results["data"]["classes"] = ["a", "b", "c"]
    labels = [0, 0, 0, 0, 1, 1]
    predictions = {
        "joint": {0: predicted([0, 0, 0, 1, 1, 0], labels)},
        "joint+unimodal": {0: predicted(labels, labels)},
    }
    joint, best = confusions(results, predictions)
    assert (joint.row, best.row) == ("joint", "joint+unimodal")
    assert joint.lines == [("a", 4, [75, 25, 0]), ("b", 2, [50, 50, 0]), ("c", 0, [0, 0, 0])]
    assert best.lines[0] == ("a", 4, [100, 0, 0])
    assert joint.rest == 0


def test_of_many_classes_those_with_most_mistakes_are_shown(results):
    count = MOST + 5
    results["data"]["classes"] = [f"c{i}" for i in range(count)]
    labels = list(range(count))
    said = [0 if i >= 5 else i for i in labels]  # all but the first five are taken for the first
    (joint,) = confusions(results, {"joint": {0: predicted(said, labels, count)}})
    assert joint.names == [f"c{i}" for i in range(5, count)]
    assert joint.rest == 100
    told = section_text(confused(results, {"joint": {0: predicted(said, labels, count)}}))
    assert f"The {MOST} of {count} classes with most mistakes" in told
    assert "100 % of their samples are taken for a class that is not shown" in told


def test_without_predictions_there_is_no_matrix(results):
    assert confusions(results, {}) == []
    assert confused(results, {}) is None
