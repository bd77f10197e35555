"""Records over the epochs, gathered over seeds."""

from __future__ import annotations

import pytest

from equimodal.report.read.history import Band, decisions, read_history, score_curves

RESULTS = {"data": {}}


def decision(epoch, step, values, name="fraction"):
    return {"step": step, "epoch": epoch, "name": name, "values": values}


def test_a_band_holds_mean_lowest_and_highest():
    band = Band.of({1: [0.5, 0.7], 0: [0.1]})
    assert band.epochs == [0, 1]
    assert band.mean == pytest.approx([0.1, 0.6])
    assert (band.low, band.high) == ([0.1, 0.5], [0.1, 0.7])


def test_decisions_of_every_step_become_one_value_per_epoch():
    records = {
        "curves": [],
        "decisions": [
            decision(0, 0, {"sound": 0.2, "image": 0.8}),
            decision(0, 1, {"sound": 0.4, "image": 0.6}),
            decision(1, 2, {"sound": 0.9, "image": None}),
        ],
    }
    found = decisions({"amss": [records]}, "amss")["fraction"]
    assert found["sound"].epochs == [0, 1]
    assert found["sound"].mean == pytest.approx([0.3, 0.9])
    assert found["sound"].low == [0.2, 0.9]
    assert found["image"].mean == pytest.approx([0.7])


def test_curves_are_means_over_seeds_in_percent():
    def run(accuracy, sound):
        entry = {"epoch": 0, "validation_accuracy": accuracy, "modality_accuracy": {"sound": sound}}
        return {"curves": [entry], "decisions": []}

    found = score_curves(RESULTS, {"joint": [run(0.8, 0.2), run(0.9, None)]}, "joint")
    assert found["fused model"].mean == pytest.approx([85.0])
    assert found["sound"].mean == pytest.approx([20.0])


def test_a_row_without_records_has_no_curves():
    assert score_curves(RESULTS, {}, "joint") == {}
    assert decisions({}, "joint") == {}


def test_missing_records_are_told_except_for_the_untrained(folder, results):
    history, notes = read_history(folder, results)
    assert notes == []
    assert len(history["joint"]) == 3
    for run in results["runs"]:
        if run["method"] == "dus":
            (folder / run["folder"] / "records.json").unlink()
    _, notes = read_history(folder, results)
    assert [note.split(":")[0] for note in notes] == ["dus seed 0", "dus seed 1", "dus seed 2"]
