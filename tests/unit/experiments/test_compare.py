"""Whole comparisons on keypad in real processes, one of which is killed again and again."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import equimodal
from equimodal.cli.main import main
from equimodal.comparison.engines import crews, local
from equimodal.comparison.progress import Silence
from equimodal.errors import BalanceError
from equimodal.report.read.schema import check
from equimodal.storage.files import load_checkpoint

pytestmark = pytest.mark.processes
ROWS = ["amss", "joint", "ensemble"]
ARGUMENTS = {"methods": ROWS, "seeds": [5], "epochs": 4, "progress": False}
TIMES = ("seconds", "step_seconds", "step_time_ratio", "samples_per_second", "waiting_share")
PATIENCE = 240.0  # seconds; a busy machine takes a minute to import torch twice


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def read(path):
    return json.loads(path.read_text())


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A comparison that nothing disturbed, and its folder."""
    folder = tmp_path_factory.mktemp("whole") / "results"
    return equimodal.compare(**ARGUMENTS, jobs=1, out=folder), folder


def test_the_results_are_complete_and_as_documented(whole):
    results, folder = whole
    check(results)
    assert results == read(folder / "results.json")
    assert list(results["summary"]) == ["amss", "joint", "alone:image", "alone:sound", "ensemble"]
    assert {run["status"] for run in results["runs"]} == {"finished"}
    assert (folder / "report.html").stat().st_size > 1000


def test_in_this_process_the_numbers_are_the_same(whole, tmp_path):
    options = ARGUMENTS | {"methods": ["joint"], "here": True}
    results = equimodal.compare(**options, out=tmp_path / "here")
    (joint,) = [run for run in whole[0]["runs"] if run["method"] == "joint"]
    assert without_times(results["runs"]) == [without_times(joint)]


def test_the_results_say_nothing_of_the_machine(whole):
    _, folder = whole
    stored = (folder / "results.json").read_text()
    for private in (str(folder), os.uname().nodename, str(Path.home()), str(Path.cwd())):
        assert private not in stored


def test_every_run_keeps_what_later_questions_need(whole):
    results, folder = whole
    for run in results["runs"]:
        place = folder / run["folder"]
        predictions = np.load(place / "predictions.npz")
        hits = predictions["test_logits"].argmax(1) == predictions["test_labels"]
        assert hits.mean() == pytest.approx(run["test"]["accuracy"], abs=1e-12)
        if run["method"] != "ensemble":
            assert len(read(place / "records.json")["curves"]) == 4
            assert (place / "checkpoint.pt").exists()


def test_a_finished_comparison_is_shown_again_without_training(whole, monkeypatch):
    results, folder = whole
    monkeypatch.setattr(local, "WorkerProcess", None)
    assert equimodal.compare(**ARGUMENTS, out=folder, resume=True) == results


def test_a_finished_comparison_is_not_overwritten(whole):
    _, folder = whole
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(BalanceError, match="--resume"):
        equimodal.compare(**ARGUMENTS, out=folder)
    with pytest.raises(BalanceError, match="epochs was 4, is 5"):
        equimodal.compare(**{**ARGUMENTS, "epochs": 5}, out=folder, resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


class Assassin(Silence):
    """Kills the first worker that reports an epoch."""

    def __init__(self, crew):
        self.crew = crew
        self.victims = []

    def heard(self, worker, message):
        if message["kind"] == "epoch" and not self.victims:
            self.victims.append(message["run"])
            os.kill(self.crew[worker].pid, signal.SIGKILL)


def kill_the_parent(folder):
    """Start the command, kill it at a random moment of its training; its workers must end."""
    command = [sys.executable, "-m", "equimodal", "compare", "--out", str(folder)]
    command += ["--methods", ",".join(ROWS), "--seeds", "5,", "--epochs", "4", "--jobs", "2"]
    parent = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_until(lambda: list(folder.glob("runs/*/*/checkpoint.pt")))
    time.sleep(random.uniform(0, 0.3))
    workers = children(parent.pid)
    parent.kill()
    assert parent.wait() == -signal.SIGKILL
    assert len(workers) == 2
    wait_until(lambda: not any(map(alive, workers)))


def kill_a_worker(folder, monkeypatch):
    """Continue, kill the worker; its run alone must fail, and the message must say how to go on."""
    crew = {}

    class Known(local.WorkerProcess):
        def __init__(self, index, card=None):
            super().__init__(index, card)
            crew.setdefault(index, self)

    assassin = Assassin(crew)
    with monkeypatch.context() as patch:
        patch.setattr(local, "WorkerProcess", Known)
        patch.setattr(crews, "shown", lambda runs, progress: _entered(assassin))
        with pytest.raises(BalanceError, match=r"1 of 4 runs failed: .*SIGKILL.*--resume"):
            equimodal.compare(**ARGUMENTS, jobs=1, out=folder, resume=True)
    assert len(assassin.victims) == 1


class _entered:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *problem):
        pass


def test_killed_at_any_moment_it_ends_with_the_same_bits(whole, tmp_path, monkeypatch):
    expected, whole_folder = whole
    folder = tmp_path / "results"
    kill_the_parent(folder)
    kill_a_worker(folder, monkeypatch)
    results = equimodal.compare(**ARGUMENTS, jobs=1, out=folder, resume=True)
    assert without_times(results) == without_times(expected)
    for run in results["runs"]:
        mine, other = (place / run["folder"] for place in (folder, whole_folder))
        for name, array in np.load(mine / "predictions.npz").items():
            assert np.array_equal(array, np.load(other / "predictions.npz")[name])
        if run["method"] != "ensemble":
            assert read(mine / "records.json") == read(other / "records.json")


def test_a_run_on_its_own_has_the_bits_of_the_comparisons_row(whole, tmp_path, monkeypatch):
    _, folder = whole
    line = f"train --method amss --seed 5 --epochs 4 --out {tmp_path / 'own'}"
    assert main(line.split()) == 0

    ours, theirs = (place / "runs/amss/seed-5" for place in (tmp_path / "own", folder))
    # A comparison leaves one model of all its runs beside them.
    assert {p.name for p in ours.iterdir()} == {p.name for p in theirs.iterdir()} | {"model"}
    for name in ("config.json", "records.json", "result.json"):
        assert without_times(read(ours / name)) == without_times(read(theirs / name)), name
    with np.load(ours / "predictions.npz") as own, np.load(theirs / "predictions.npz") as other:
        assert own.files == other.files
        assert all(np.array_equal(own[key], other[key]) for key in own.files)
    assert_same_checkpoint(*(load_checkpoint(run / "checkpoint.pt") for run in (ours, theirs)))

    monkeypatch.setattr(local, "WorkerProcess", None)  # nothing is left to train
    used = equimodal.compare(
        **ARGUMENTS | {"methods": ["amss"], "out": tmp_path / "own"}, resume=True
    )
    assert used["runs"][0] == read(ours / "result.json") | {"folder": "runs/amss/seed-5"}


def assert_same_checkpoint(one, other):
    """Equal bit for bit but for the times."""
    assert one.keys() == other.keys()
    for key in one.keys() - {"end_seconds", "waiting_shares", *TIMES}:
        assert torch.equal(flat(one[key]), flat(other[key])), key


def flat(value):
    """All numbers of a nested value, and its texts as numbers."""
    if isinstance(value, dict):
        value = [item for key in sorted(value, key=str) for item in (str(key), value[key])]
    if isinstance(value, list | tuple):
        return torch.cat([torch.zeros(0, dtype=torch.float64), *map(flat, value)])
    if isinstance(value, torch.Tensor):
        return value.double().flatten()
    if isinstance(value, str):
        return torch.tensor([float(letter) for letter in value.encode()], dtype=torch.float64)
    return torch.tensor([-1.0 if value is None else float(value)], dtype=torch.float64)


def test_a_comparison_does_not_use_a_run_with_another_budget(whole, tmp_path):
    _, folder = whole
    shutil.copytree(folder / "runs/amss", tmp_path / "own/runs/amss")
    with pytest.raises(BalanceError, match="other values of epochs: found"):
        equimodal.compare(
            **ARGUMENTS | {"methods": ["amss"], "epochs": 3, "out": tmp_path / "own"}, resume=True
        )
    with pytest.raises(BalanceError, match="holds results already; add --resume"):
        equimodal.compare(**ARGUMENTS | {"methods": ["amss"], "out": tmp_path / "own"})
