"""Folders and files that are taken, damaged or of another kind: told in one line, nothing lost."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from equimodal.cli.main import main

COMPARE = "compare --methods joint --seeds 1 --epochs 1 --out results"
RUN = "results/runs/joint/seed-0"
DIES = """\
import os
import equimodal.training.loop as loop
from equimodal.comparison.engines.worker import main
loop.train = lambda *_, **__: os.kill(os.getpid(), 9)
"""


@pytest.fixture
def finished(comparison, folder):
    """A copy of the finished comparison in the current folder, as `results`."""
    return shutil.copytree(comparison, folder / "results")


@pytest.fixture
def unfinished(finished):
    """The same before its only run was over: an epoch is trained, there is no result."""
    (finished / "runs/joint/seed-0/result.json").unlink()
    (finished / "results.json").unlink()
    return finished


def test_results_are_not_overwritten_without_being_asked(finished, refused):
    refused(COMPARE, "'results' holds results already", "add --resume", "--out")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("--epochs 2", ["epochs was 1, is 2"]),
        ("--seeds 2", ["seeds was [0], is [0, 1]"]),
        ("--methods joint,amss", ["methods was ['joint'], is ['joint', 'amss']"]),
        ("--objective fused+unimodal", ["objective was 'fused', is 'fused+unimodal'"]),
        ("--set keypad.snr=3", ["data_settings was"]),
    ],
)
def test_another_comparison_does_not_continue_this_one(change, words, finished, refused):
    refused(f"{COMPARE} --resume {change}", "'results' holds another comparison", *words, "--out")


def test_a_run_is_not_trained_over_another_one(finished, refused):
    line = "train --method joint --epochs 1 --out results"
    refused(line, f"'{RUN}' holds this run already", "add --resume", "--out")
    refused(f"{line} --lr 0.5 --resume", f"'{RUN}' holds a run with other values of lr")


def test_a_finished_run_is_shown_again(finished, capsys):
    line = "train --method joint --epochs 1 --out results --resume"
    assert main(line.split()) == 0
    assert f"\nrun: {RUN}\n" in capsys.readouterr().out


def test_single_runs_are_not_taken_for_a_comparison_without_being_asked(finished, refused):
    for path in finished.iterdir():
        if path.name == "model":
            shutil.rmtree(path)
        elif path.name != "runs":
            path.unlink()
    refused(COMPARE, "'results' holds results already", "add --resume", "--out")
    refused(f"{COMPARE} --epochs 2 --resume", f"'{RUN}' holds a run with other values of epochs")
    (finished.parent / RUN / "result.json").unlink()
    config = json.loads((finished.parent / RUN / "config.json").read_text())
    (finished.parent / RUN / "config.json").write_text(json.dumps(config | {"processes": 2}))
    refused(f"{COMPARE} --resume", f"'{RUN}' holds a run with other values of processes")


def test_a_single_run_that_diverges_is_an_error(folder, capsys):
    line = "train --method joint --epochs 1 --lr 1e30 --out results"
    assert main(line.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith(
        "equimodal: error: Training diverged in epoch 0 (joint, seed 0, lr 1e+30)"
    )


def test_a_folder_of_other_files_is_refused(folder, refused):
    (folder / "results").mkdir()
    (folder / "results" / "thesis.tex").write_text("years")

    refused(COMPARE, "'results' holds 1 other files, such as 'thesis.tex'", "--out")
    refused(f"{COMPARE} --resume", "'results' holds 1 other files, such as 'thesis.tex'", "--out")


def test_a_file_in_the_place_of_the_folder_is_refused(folder, refused):
    (folder / "results").write_text("mine")

    refused(COMPARE, "'results' is a file", "--out")


def test_a_folder_below_a_file_is_refused(folder, refused):
    (folder / "file").write_text("mine")

    refused(f"{COMPARE} --out file/below", "'file/below' cannot be used (Not a directory)", "--out")


def test_a_folder_that_cannot_be_written_is_refused(refused, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied", "results")

    monkeypatch.setattr("pathlib.Path.mkdir", denied)

    refused(COMPARE, "'results' cannot be written (Permission denied)", "make the folder writable")


def test_a_folder_in_use_is_refused(finished, refused):
    holds_the_lock = (
        "import fcntl, sys; f = open('results/.lock'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds_the_lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        refused(f"{COMPARE} --resume", "Another process is writing in 'results'", "wait until")
        other.stdin.close()


@pytest.mark.parametrize("content", ['{"data": ', "", "[]"])
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("config.json", "runs beside it are whole: put a copy of it back"),
        (f"{RUN[8:]}/result.json", f"delete the folder '{RUN}' and repeat with --resume"),
    ],
)
def test_a_damaged_file_of_a_comparison_is_named(name, remedy, content, finished, refused):
    (finished / name).write_text(content)

    refused(f"{COMPARE} --resume", f"'results/{name}' is damaged or incomplete", remedy)


@pytest.mark.parametrize("damage", [lambda b: b[:500], lambda b: b"", lambda b: b[:-900]])
def test_a_damaged_checkpoint_is_named_and_nothing_else_is_lost(
    damage, unfinished, without_workers, capsys
):
    checkpoint = unfinished / "runs/joint/seed-0/checkpoint.pt"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    broken = checkpoint.read_bytes()

    assert main([*COMPARE.split(), "--resume"]) == 2

    said = capsys.readouterr().err
    assert f"'{RUN}/checkpoint.pt' is damaged or incomplete" in said
    assert f"delete the folder '{RUN}' and repeat with --resume" in said
    assert checkpoint.read_bytes() == broken


@pytest.mark.processes
def test_a_killed_worker_is_told(folder, capsys, monkeypatch, tmp_path):
    (tmp_path / "dies.py").write_text(DIES)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        patch.setattr("equimodal.comparison.engines.worker_process.TARGET", "dies:main")
        assert main(COMPARE.split()) == 2
    said = capsys.readouterr().err

    assert "1 of 1 runs failed: joint, seed 0" in said
    assert "the process that trained it died (signal SIGKILL)" in said
    assert "repeat the command with --resume" in said


def test_what_the_message_says_mends_a_damaged_checkpoint(comparison, unfinished, without_workers):
    shutil.rmtree(RUN)

    assert main([*COMPARE.split(), "--resume"]) == 0

    before, after = (json.loads((f / "results.json").read_text()) for f in (comparison, unfinished))
    assert after["runs"][0]["test"] == before["runs"][0]["test"]


def test_a_rate_that_diverges_is_told_after_the_table(folder, without_workers, capsys):
    assert main([*COMPARE.split(), "--lr", "1e30"]) == 2

    said = capsys.readouterr()
    assert "diverged in 1 of 1" in said.out
    last = said.err.splitlines()[-1]
    assert "1 of 1 trained runs diverged. Training diverged in epoch 0 (joint, seed 0" in last
    assert "--lr 1e+29" in last


# Where the tests run in the background of a shell, their children are started deaf to interrupts.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from equimodal.cli.main import main
sys.exit(main())
"""


@pytest.mark.processes
def test_an_interrupt_leaves_a_comparison_that_resumes(folder):
    command = f"{COMPARE} --epochs 500".split()
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *command], stderr=subprocess.PIPE, text=True
    ) as running:
        wait_for(folder / RUN / "checkpoint.pt")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=240)

    assert running.returncode == 130
    again = f"equimodal {' '.join(command)} --resume"
    assert said.splitlines()[-1].endswith(
        f"interrupted. Finished epochs are kept; continue with: {again}"
    )
    assert "Traceback" not in said


def wait_for(path):
    """Until the file exists, a few minutes at most on a busy machine."""
    deadline = time.monotonic() + 240
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was never written"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("report nowhere", ["No folder nowhere to report on", "equimodal compare --out nowhere"]),
        ("report empty", ["empty holds no results.json", "equimodal compare --out empty"]),
        ("report file", ["No folder file to report on: found a file"]),
    ],
)
def test_a_report_on_nothing_is_refused(line, words, folder, refused):
    (folder / "empty").mkdir()
    (folder / "file").write_text("")

    refused(line, *words)


def test_a_report_on_unfinished_runs_says_how_to_finish_them(unfinished, refused):
    refused("report results", "unfinished runs", "equimodal compare --resume --out results")


def test_a_report_on_truncated_results_is_refused(finished, refused):
    text = (finished / "results.json").read_text()
    (finished / "results.json").write_text(text[: len(text) // 2])

    refused("report results", "results/results.json is not complete JSON", "--resume --out results")


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({"schema": "equimodal.results/9"}, ["found schema 'equimodal.results/9'"]),
        ({"accuracy": 1.0}, ["is not of schema 'equimodal.results/2'"]),
        ([], ["is not of schema 'equimodal.results/2'"]),
        (
            {"schema": "equimodal.results/1"},
            ["results/results.json breaks schema", "config is missing"],
        ),
        (
            {"schema": "equimodal.results/2"},
            ["results/results.json breaks schema", "config is missing"],
        ),
    ],
)
def test_a_report_on_another_schema_is_refused(results, words, finished, refused):
    (finished / "results.json").write_text(json.dumps(results))

    refused("report results", *words)


def test_a_report_without_records_is_made_of_what_is_there(finished, capsys):
    (finished / "runs/joint/seed-0/records.json").unlink()

    assert main(["report", "results"]) == 0
    assert "results/report.html" in capsys.readouterr().out
