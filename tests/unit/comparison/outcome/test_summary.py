from dataclasses import replace

import pytest
import torch

from equimodal import methods
from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.outcome.summary import note
from equimodal.comparison.outcome.summary import summarise as summarised


def run(method, seed, accuracy, *, lr=0.1, status="finished", acted=True, step=0.01):
    measures = accuracy and {
        "accuracy": accuracy,
        "macro_f1": accuracy / 2,
        "mean_average_precision": accuracy / 4,
        "modality_accuracy": {"a": accuracy - 0.1},
        "probe_accuracy": {"a": accuracy - 0.2},
    }
    return {
        "method": method,
        "seed": seed,
        "lr": lr,
        "status": status,
        "acted": acted,
        "test": measures,
        "validation": measures,
        "step_seconds": step,
        "seconds": 100 * (step or 0),
    }


SAMPLES = 20


def predicted(found):
    """Predictions on 20 samples of seed 0, and 20 others of seed 1, right as often as it says."""
    right = torch.arange(SAMPLES) < round(found["test"]["accuracy"] * SAMPLES)
    labels = (torch.arange(SAMPLES) + found["seed"]) % 2
    said = torch.where(right, labels, 1 - labels)
    return Judged(torch.eye(2)[said], labels, probed={"a": said})


def summarise(rows, runs, read=predicted):
    return summarised(rows, runs, read)["summary"]


RUNS = [
    run("joint", 0, 0.8),
    run("joint", 1, 0.6),
    run("amss-fixed", 0, 0.7),
    run("amss-fixed", 1, 0.7),
    run("amss", 0, 0.9, step=0.02),
    run("amss", 1, 0.8, step=0.03),
]
ROWS = ("joint", "amss-fixed", "amss")


def test_a_row_is_the_mean_of_its_runs():
    row = summarise(ROWS, RUNS)["amss"]
    assert row["n"] == 2
    assert row["accuracy"]["mean"] == pytest.approx(0.85)
    assert row["accuracy"]["sd"] == pytest.approx(0.1 / 2**0.5)
    assert row["macro_f1"]["mean"] == pytest.approx(0.425)
    assert row["probe_accuracy"]["a"]["mean"] == pytest.approx(0.65)
    assert row["step_seconds"] == pytest.approx(0.025)
    assert row["seconds"] == pytest.approx(2.5)


def test_a_row_is_held_against_joint_and_against_its_control():
    row = summarise(ROWS, RUNS)["amss"]
    assert row["difference_to_joint"]["mean"] == pytest.approx(0.15)
    assert row["control"] == "amss-fixed"
    assert row["difference_to_control"]["mean"] == pytest.approx(0.15)
    assert row["step_time_ratio"] == pytest.approx(2.5)


def test_a_method_with_several_controls_is_held_against_each(monkeypatch):
    entry = replace(methods.entry("amss"), controls=("amss-fixed", "relearn-fixed", "dus-uniform"))
    monkeypatch.setitem(methods._REGISTRY, "amss", entry)
    others = [run("relearn-fixed", 0, 0.5), run("relearn-fixed", 1, 0.6)]
    row = summarise((*ROWS, "relearn-fixed"), [*RUNS, *others])["amss"]
    assert list(row["controls"]) == ["amss-fixed", "relearn-fixed", "dus-uniform"]
    assert (row["control"], row["difference_to_control"]) == (
        "amss-fixed", row["controls"]["amss-fixed"],
    )  # fmt: skip
    # 0.9 - 0.5 and 0.8 - 0.6: mean 0.3, sd 0.1 * sqrt(2), margin 12.706 * 0.1; nothing is shared.
    ends = {"mean": 0.3, "low": 0.3 - 1.27062, "high": 0.3 + 1.27062}
    rests = {"n": 2, "samples": 40, "units": 40, "differing": 12}
    assert row["controls"]["relearn-fixed"] == pytest.approx(ends | rests, abs=1e-5)
    assert row["controls"]["dus-uniform"] is None


def test_the_epoch_of_convergence_is_the_mean_of_the_seeds_that_got_there():
    epochs = {0: 4, 1: None, 2: 7}
    runs = [run("joint", seed, 0.5) | {"converged_epoch": e} for seed, e in epochs.items()]
    found = summarise(["joint"], runs)["joint"]["converged_epoch"]
    assert (found["mean"], found["reached"], found["n"]) == (5.5, 2, 3)
    assert found["sd"] == pytest.approx(3 / 2**0.5)
    never = summarise(["joint"], runs[1:2])["joint"]["converged_epoch"]
    assert never == {"mean": None, "sd": None, "reached": 0, "n": 1}
    assert summarise(ROWS, RUNS)["joint"]["converged_epoch"] is None


def test_joint_is_not_held_against_itself():
    row = summarise(ROWS, RUNS)["joint"]
    assert row["difference_to_joint"] is None
    assert row["step_time_ratio"] == 1.0


def test_without_joint_there_are_no_differences():
    row = summarise(["amss"], [r for r in RUNS if r["method"] == "amss"])["amss"]
    assert row["difference_to_joint"] is row["difference_to_control"] is None
    assert row["step_time_ratio"] is None


def test_a_run_that_diverged_is_left_out_and_told():
    runs = [*RUNS[:-1], run("amss", 1, None, status="diverged", step=None)]
    row = summarise(ROWS, runs)["amss"]
    assert (row["n"], row["note"]) == (1, "diverged in 1 of 2")
    assert (row["accuracy"]["mean"], row["accuracy"]["sd"]) == (0.9, None)
    assert row["difference_to_joint"]["n"] == 1


def test_a_row_that_always_failed_has_no_numbers():
    runs = [run("joint", s, None, status="failed", acted=None, step=None) for s in (0, 1)]
    row = summarise(["joint"], runs)["joint"]
    assert (row["n"], row["note"]) == (0, "failed in 2 of 2")
    assert row["accuracy"] == {"mean": None, "sd": None, "low": None, "high": None}
    assert row["modality_accuracy"] == {}
    assert row["seconds"] is None


def test_the_summary_is_of_the_rate_that_validation_chose():
    runs = [run("joint", 0, 0.6, lr=0.1), run("joint", 0, 0.7, lr=0.01)]
    row = summarise(["joint"], runs)["joint"]
    assert (row["lr"], row["accuracy"]["mean"]) == (0.01, 0.7)


def test_a_method_that_never_changed_anything_did_not_act():
    idle = run("dus", 0, 0.5, acted=False)
    assert note([idle, idle]) == "did not act"
    assert note([idle, run("dus", 1, 0.5)]) == "did not act in 1 of 2"
    assert note([run("dus", 1, 0.5)]) == ""


def test_what_a_method_says_of_its_runs_stands_in_the_note_once():
    runs = [run("dus-rl", seed, 0.5) | {"message": "11 policy steps: too few"} for seed in (0, 1)]
    assert note(runs) == "11 policy steps: too few"


def test_runs_whose_predictions_cannot_be_read_have_differences_without_an_interval():
    row = summarise(ROWS, RUNS, lambda run: None if run["seed"] else predicted(run))["amss"]
    found = row["difference_to_joint"]
    assert found["mean"] == pytest.approx(0.15)
    assert (found["n"], found["low"], found["high"], found["units"]) == (2, None, None, None)
    assert row["accuracy"]["low"] is None
    assert row["score_differences_to_joint"] == {"macro_f1": None, "mean_average_precision": None}


def test_runs_on_other_samples_are_not_paired():
    def read(run):
        found = predicted(run)
        return replace(found, labels=1 - found.labels) if run["method"] == "joint" else found

    assert summarise(ROWS, RUNS, read)["amss"]["difference_to_joint"]["low"] is None


def test_a_row_is_held_against_joint_unimodal_and_its_probes_against_the_modality_alone():
    others = [run("joint+unimodal", 0, 0.7), run("joint+unimodal", 1, 0.7), run("alone:a", 0, 0.6)]
    found = summarise((*ROWS, "joint+unimodal", "alone:a"), [*RUNS, *others])
    assert found["joint"]["difference_to_unimodal"]["mean"] == pytest.approx(0.0)
    assert found["joint+unimodal"]["difference_to_unimodal"] is None
    probes = found["amss"]["probe_difference_to_alone"]["a"]
    assert (probes["mean"], probes["n"], probes["differing"]) == (pytest.approx(0.3), 1, 6)
    assert found["alone:a"]["probe_difference_to_alone"] == {}


def test_scores_that_are_no_means_are_held_against_joint_by_blocks():
    found = summarise(ROWS, RUNS)["amss"]["score_differences_to_joint"]["macro_f1"]
    assert found["low"] < found["mean"] < found["high"] and found["n"] == 2
    # 20 samples of each of two seeds fall into 40 blocks.
    assert found["units"] == 40


def test_samples_units_and_seeds_are_named():
    found = summarised(ROWS, RUNS, predicted)["judged"]
    assert (found["split"], found["unit"], found["units"]) == ("test", "sample", 40)
    each = {"samples": 20, "units": 20, "groups": None}
    assert found["seeds"] == [{"seed": 0, **each}, {"seed": 1, **each}]


def test_groups_from_twenty_on_are_the_units_of_a_comparison():
    def grouped(run):
        return replace(predicted(run), groups=torch.arange(SAMPLES))

    found = summarised(ROWS, RUNS, grouped)["judged"]
    assert (found["unit"], found["units"]) == ("group", 20)
