"""The commands of docs/several-machines.md; its loop runs in tests/machines."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from equimodal.cli.parser import parse

PAGE = (Path(__file__).parents[2] / "docs" / "several-machines.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [
    line
    for block in BLOCKS
    for line in block.replace("\\\n", " ").splitlines()
    if "equimodal train" in line
]


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.split())[:60])
def test_every_command_is_understood(line):
    launcher, _, command = line.partition("equimodal ")
    given = shlex.split(command, comments=True)
    assert parse(given).methods == ("amss",)
    assert launcher.split()[:1] in ([], ["torchrun"], ["srun"])


def test_the_two_machines_differ_by_their_number_alone():
    first, second = (line for line in COMMANDS if "--nnodes 2" in line)
    assert first.replace("--node-rank 0", "--node-rank 1") == second


def test_a_scaled_loss_counts_every_row_once(monkeypatch):
    (code,) = re.findall(r"```py\n(.*?)```", PAGE, flags=re.DOTALL)
    others = torch.tensor(8.0)  # rows of the only other rank
    monkeypatch.setattr("torch.distributed.all_reduce", lambda rows: rows.add_(others))
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    loss = torch.tensor(1.0, requires_grad=True)
    exec(code, {"torch": torch, "dist": torch.distributed, "loss": loss, "target": [0, 1, 0]})
    # The mean of three rows, halved by DDP, must count 3 of 11.
    assert float(loss.grad) / 2 == pytest.approx(3 / 11)
