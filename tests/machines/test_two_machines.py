"""Two machines, simulated on the loopback interface: torchrun's agents, or processes with the
variables that a launcher sets."""

import json
import sys

import numpy as np
import pytest
import torch

from cli.tiny_files import write_handwritten
from equimodal.cli.main import main
from equimodal.storage.files import load_checkpoint
from machines import pair
from machines.launching import free_port, messages, together, two_machines

pytestmark = pytest.mark.processes
DATA = ["--data", "handwritten", "--data-root", "files", "--batch-size", "32", "--epochs", "4"]
TRAIN = ["train", "--method", "joint+unimodal", "--seed", "1", *DATA]
RUN = "runs/joint-plus-unimodal/seed-1"
# Two halves of a batch are added up in another order: float32, 12 updates.
TOLERANCE = 1e-5


def read(path):
    return json.loads(path.read_text())


def weights(run):
    return load_checkpoint(run / "checkpoint.pt")["model"]


def assert_nearly_equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=0, atol=TOLERANCE, msg=name)


def test_a_run_on_two_machines_survives_a_kill_and_equals_one_process(tmp_path, monkeypatch):
    write_handwritten(tmp_path / "files")
    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN, "--out", "one"]) == 0

    killed = two_machines(tmp_path, pair.__file__.replace("pair", "dies"), *TRAIN, "--out", "two")
    assert [ended.code for ended in killed] == [1, 1]
    assert messages(killed[0]) == [
        "waiting for 2 processes (torchrun)",
        "equimodal: error: rank 0 of 2: the connection to another process broke: it was killed, or "
        "its machine is gone. Finished epochs are kept; repeat the command with --resume.",
    ]
    assert messages(killed[1]) == []
    assert "epoch 2/4" in killed[0].err
    assert "epoch 3/4" not in killed[0].err
    assert not (tmp_path / "two" / RUN / "result.json").exists()

    first, second = two_machines(tmp_path, "-m", "equimodal", *TRAIN, "--out", "two", "--resume")
    assert [first.code, second.code] == [0, 0], first.err + second.err
    assert "epoch 3/4" in first.err
    assert "epoch 2/4" not in first.err
    assert "joint+unimodal, seed 1" in first.out
    assert "trained by 2 processes" in first.out
    assert (second.out, messages(second)) == ("", [])

    one, two = (tmp_path / name / RUN for name in ("one", "two"))
    assert {p.name for p in two.iterdir()} == {p.name for p in one.iterdir()}
    assert_nearly_equal(weights(one), weights(two))
    alone, shared = read(one / "result.json"), read(two / "result.json")
    assert shared["processes"] == 2
    assert (alone["epochs"], alone["best_epoch"]) == (shared["epochs"], shared["best_epoch"])
    for old, new in zip(*(read(r / "records.json")["curves"] for r in (one, two)), strict=True):
        assert old["train_loss"] == pytest.approx(new["train_loss"], abs=TOLERANCE)
        assert old["lr"] == new["lr"]
    predictions = [np.load(run / "predictions.npz")["test_logits"] for run in (one, two)]
    np.testing.assert_allclose(*predictions, rtol=0, atol=100 * TOLERANCE)


def run_pair(folder):
    """What the two processes of `pair.py` found, and how they ended."""
    ports = [str(free_port()) for _ in range(3)]
    commands = [[sys.executable, pair.__file__, str(rank), *ports] for rank in (0, 1)]
    ends = together(commands, folder)
    assert [ended.code for ended in ends] == [2, 2], ends
    return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1)], ends


# One test for all of it: under pytest-xdist every worker would start its own pair.
def test_ranks_stay_identical_resume_to_the_same_bits_and_fail_with_one_voice(tmp_path):
    write_handwritten(tmp_path / "files")
    (first, second), ends = run_pair(tmp_path)
    rows = [*pair.ROWS, *(f"{row} resumed" for row in pair.ROWS)]
    assert first.keys() == second.keys() == {"document", *rows}
    for name, mine in first.items():
        assert_identical(mine, second[name], name)
    for row in pair.ROWS:
        whole, resumed = first[row], first[f"{row} resumed"]
        assert whole["rows"] == 8
        assert whole["result"]["acted"], row
        assert_identical(without_times(whole), without_times(resumed), row)
    assert first["dus"]["balancer"]["streams"].keys() == {"a", "b", "c"}
    assert all(position != [0, 0] for position in first["dus"]["balancer"]["streams"].values())
    assert torch.load(tmp_path / "model.pt", weights_only=True).keys() == {"model", "balancer"}

    assert messages(ends[0]) == ["waiting for 2 processes (srun)"]
    (said,) = messages(ends[1])
    assert said.startswith("equimodal: error: rank 1 of 2: The data root '")
    assert "elsewhere' is no folder" in said
    assert "Traceback" not in ends[0].err + ends[1].err
    assert not (tmp_path / "results").exists()


def assert_identical(one, other, name):
    """Equal bit for bit, tensors as well."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), name
        for key in one:
            assert_identical(one[key], other[key], f"{name} {key}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), name
    else:
        assert one == other, name


def without_times(found):
    times = ("seconds", "step_seconds", "samples_per_second", "waiting_share")
    result = {k: v for k, v in found["result"].items() if k not in times}
    return found | {"result": result}
