import math

import numpy as np
import pytest
import torch

from equimodal.comparison.ensemble import ensemble_run, mean_prediction
from equimodal.errors import BalanceError
from equimodal.measures.robustness import KINDS
from equimodal.measures.scoring import CLASSES
from equimodal.storage.files import read_json
from equimodal.training.robustness.passes import Stressed
from equimodal.training.robustness.run import read_stressed, write_stressed

LOGITS = {
    "a": np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]], dtype=np.float32),
    "b": np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 1.0]], dtype=np.float32),
}
LABELS = np.array([0, 1, 1])


def member(folder, name, *, status="finished"):
    place = folder / "runs" / name
    place.mkdir(parents=True)
    arrays = {"logits": LOGITS[name], "labels": LABELS, "indices": np.arange(3)}
    arrays |= {"groups": np.array([8, 8, 9])}
    splits = ("test", "validation")
    np.savez(
        place / "predictions.npz", **{f"{s}_{k}": v for s in splits for k, v in arrays.items()}
    )
    measures = {"modality_accuracy": {name: 0.5}, "probe_accuracy": {name: 0.6}}
    return {
        "data": "tiny",
        "method": f"alone:{name}",
        "seed": 5,
        "lr": 0.1,
        "status": status,
        "message": None if status == "finished" else "why",
        "epochs": 3,
        "seconds": 2.0,
        "step_seconds": 0.1,
        "folder": f"runs/{name}",
        "test": measures,
        "validation": measures,
    }


def test_probabilities_are_averaged_not_logits():
    found = mean_prediction([torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]])], CLASSES)
    # softmax(2, 0) = (.8808, .1192) and softmax(0, 1) = (.2689, .7311).
    first = (1 / (1 + math.exp(-2)) + 1 / (1 + math.exp(1))) / 2
    assert found.exp().tolist() == [[pytest.approx(first), pytest.approx(1 - first)]]


def test_the_ensemble_predicts_from_the_mean_and_has_its_members_measures(tmp_path):
    run = ensemble_run([member(tmp_path, "a"), member(tmp_path, "b")], tmp_path)
    # Means for class 0: .575, .194, .611, so it predicts 0, 1, 0.
    assert run["test"]["accuracy"] == pytest.approx(2 / 3)
    assert run["test"]["probe_accuracy"] == {"a": 0.6, "b": 0.6}
    assert run["test"]["modality_accuracy"] == {"a": 0.5, "b": 0.5}
    assert (run["seconds"], run["step_seconds"], run["lr"]) == (4.0, 0.2, 0.1)
    saved = np.load(tmp_path / run["folder"] / "predictions.npz")
    assert saved["test_logits"].argmax(1).tolist() == [0, 1, 0]
    assert saved["test_groups"].tolist() == [8, 8, 9]
    stored = read_json(tmp_path / run["folder"] / "result.json")
    assert stored | {"folder": run["folder"]} == run


def test_members_at_different_rates_leave_the_ensemble_without_one(tmp_path):
    members = [member(tmp_path, "a"), member(tmp_path, "b") | {"lr": 0.2}]
    assert ensemble_run(members, tmp_path)["lr"] is None


def test_a_member_that_diverged_takes_the_ensemble_with_it(tmp_path):
    run = ensemble_run([member(tmp_path, "a"), member(tmp_path, "b", status="diverged")], tmp_path)
    assert (run["status"], run["message"]) == ("diverged", "alone:b: why")
    assert run["test"] is None


def stress(folder, name):
    """The member's modality, whatever happens to it and by how much, says class 1 for sure."""
    changed = torch.tensor([[-9.0, 9.0]]).expand(1, 3, 2)
    clean = torch.from_numpy(LOGITS[name])[None]
    own = {kind: {name: torch.cat([clean, changed])} for kind in KINDS}
    write_stressed(folder / "runs" / name, Stressed((0.0, 1.0), own), classes=False)


def test_the_ensemble_where_a_modality_is_corrupted_is_the_mean_with_what_its_member_says(tmp_path):
    members = [member(tmp_path, "a"), member(tmp_path, "b")]
    stress(tmp_path, "a")
    stress(tmp_path, "b")
    run = ensemble_run(members, tmp_path)
    scores = run["robustness"]["scores"]
    # Clean it says 0, 1, 0; with one member sure of 1 it says 1 for all three.
    assert scores["noised"] == scores["shuffled"] == {"a": [2 / 3, 2 / 3], "b": [2 / 3, 2 / 3]}
    # Without a it says what b does, 1, 1, 1; without b what a does, 0, 1, 0.
    assert scores["dropped"] == {"a": [2 / 3, 2 / 3], "b": [2 / 3, 2 / 3]}
    clean = torch.from_numpy(np.load(tmp_path / run["folder"] / "predictions.npz")["test_logits"])
    found = read_stressed(tmp_path / run["folder"], clean).predicted
    assert found["dropped"]["a"].tolist() == [[0, 1, 0], [1, 1, 1]]
    assert found["dropped"]["b"].tolist() == [[0, 1, 0], [0, 1, 0]]
    assert found["noised"]["b"].tolist() == [[0, 1, 0], [1, 1, 1]]


def test_members_of_an_earlier_version_leave_the_ensemble_without_curves(tmp_path):
    members = [member(tmp_path, "a"), member(tmp_path, "b")]
    stress(tmp_path, "a")
    assert "robustness" not in ensemble_run(members, tmp_path)


def test_damaged_predictions_are_named(tmp_path):
    members = [member(tmp_path, "a"), member(tmp_path, "b")]
    path = tmp_path / "runs" / "b" / "predictions.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(BalanceError, match=r"b/predictions\.npz' is missing or damaged.*delete"):
        ensemble_run(members, tmp_path)
