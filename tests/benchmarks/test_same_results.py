"""Two tiny results folders, equal or not in one thing, and what the comparison says of them."""

import importlib.util
import json
import shutil

import numpy as np
import pytest

from places import ROOT


@pytest.fixture(scope="module")
def same_results():
    path = ROOT / "benchmarks" / "same_results.py"
    spec = importlib.util.spec_from_file_location("same_results", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(method, seed):
    return {
        "method": method, "seed": seed, "lr": 0.1, "folder": f"runs/{method}/seed-{seed}",
        "seconds": 1.5, "test": {"accuracy": 0.1 + seed, "probe_accuracy": {"a": 0.3}},
    }  # fmt: skip


@pytest.fixture
def before(tmp_path):
    """Two rows with two seeds."""
    folder = tmp_path / "before"
    runs = [run(method, seed) for method in ("joint", "amss") for seed in (0, 1)]
    for each in runs:
        own = folder / each["folder"]
        own.mkdir(parents=True)
        decision = {"step": 0, "name": "fraction", "values": {"a": 0.25, "b": 0.5}}
        (own / "records.json").write_text(json.dumps({"curves": [], "decisions": [decision]}))
        np.savez(own / "predictions.npz", test_logits=np.array([[0.5, np.nan], [2.0, 3.0]]))
    results = {
        "config": {"epochs": 2}, "environment": {"torch": "1"}, "runs": runs,
        "summary": {"joint": {"accuracy": {"mean": 0.6}, "step_time_ratio": 1.0}},
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(results))
    return folder


@pytest.fixture
def compared(before, same_results, capsys):
    """Change a copy; gives the exit code and the lines."""
    after = shutil.copytree(before, before.parent / "after")

    def compare(file=None, change=None):
        if file:
            content = json.loads((after / file).read_text())
            change(content)
            (after / file).write_text(json.dumps(content))
        code = same_results.main([str(before), str(after)])
        return code, capsys.readouterr().out.splitlines()

    compare.after = after
    return compare


def test_a_copy_is_the_same(compared):
    assert compared() == (0, ["the same to the last digit"])


def test_times_and_the_environment_may_differ(compared):
    def change(results):
        results["environment"] = {"torch": "2"}
        results["summary"]["joint"]["step_time_ratio"] = 3.0
        for each in results["runs"]:
            each["seconds"] = 9.0

    assert compared("results.json", change)[0] == 0


def test_one_digit_of_an_accuracy_is_told_with_row_seed_field_and_both_values(compared):
    def change(results):
        results["runs"][3]["test"]["accuracy"] = 1.1000000000000003

    assert compared("results.json", change) == (
        1,
        [
            "amss, seed 1: test.accuracy: 1.1 became 1.1000000000000003",
            "differences: 1",
        ],
    )


def test_a_decision_that_moved_is_told(compared):
    def change(records):
        records["decisions"][0]["values"]["b"] = 0.75

    code, lines = compared("runs/amss/seed-0/records.json", change)
    assert code == 1
    assert lines[0] == "amss, seed 0: records.json: decisions[0].values.b: 0.5 became 0.75"


def test_a_prediction_that_moved_is_told_and_nan_equals_nan(compared):
    np.savez(
        compared.after / "runs/joint/seed-0/predictions.npz",
        test_logits=np.array([[0.5, np.nan], [2.0, 3.5]]),
    )
    code, lines = compared()
    assert code == 1
    assert lines[0].startswith("joint, seed 0: predictions.npz: test_logits: ")
    assert lines[0].endswith("at [1, 1], 1 of 4 values differ")
    assert "3.0" in lines[0] and "3.5" in lines[0]


def test_a_row_and_a_field_that_only_one_folder_holds_are_named(compared):
    def change(results):
        del results["runs"][2]
        del results["runs"][0]["test"]["probe_accuracy"]
        results["config"]["fusion"] = "film"

    assert compared("results.json", change) == (
        1,
        [
            "results.json: config.fusion: only in AFTER",
            "joint, seed 0: test.probe_accuracy.a: only in BEFORE",
            "amss, seed 0: only in BEFORE",
            "differences: 3",
        ],
    )


def test_learning_rates_are_told_apart_whatever_their_order(compared):
    def change(results):
        results["runs"][1] |= {"seed": 0, "lr": 0.2}

    for folder in (compared.after.parent / "before", compared.after):
        content = json.loads((folder / "results.json").read_text())
        change(content)
        if folder == compared.after:
            content["runs"].reverse()
        (folder / "results.json").write_text(json.dumps(content))
    assert compared()[0] == 0


def test_a_file_of_a_run_that_is_gone_is_named(compared):
    (compared.after / "runs/joint/seed-1/predictions.npz").unlink()
    code, lines = compared()
    assert code == 1
    assert lines[0] == "joint, seed 1: predictions.npz: test_logits: only in BEFORE"


def test_of_many_differences_of_a_run_the_first_are_shown_and_the_others_counted(compared):
    def change(records):
        records["curves"] = [{"epoch": epoch} for epoch in range(30)]

    code, lines = compared("runs/joint/seed-0/records.json", change)
    assert code == 1
    assert len(lines) == 12
    assert lines[-2].startswith("joint, seed 0: and ")


def test_a_folder_without_results_is_an_error(same_results, before, capsys):
    assert same_results.main([str(before), str(before / "runs")]) == 2
    assert "results.json cannot be read" in capsys.readouterr().err
