"""The commands of docs/several-machines.md; its loop runs in tests/machines."""

import os
import re
import shlex
import subprocess
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
    if "equimodal train" in line and "--from-plan" not in line
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


SBATCH = """#!/bin/bash
if [ "$2" = --wrap ]; then echo "$1: $3" >> jobs.txt; exit; fi
script=${@: -1}
range=$(sed -n 's/^#SBATCH --array=\\([0-9-]*\\).*/\\1/p' "$script")
for SLURM_ARRAY_TASK_ID in $(seq ${range%-*} ${range#*-}); do
    export SLURM_ARRAY_TASK_ID
    bash -eu "$script"
done
echo 4711
"""
EQUIMODAL = """#!/bin/bash
echo "equimodal $*" >> jobs.txt
"""


def stand_ins(folder):
    """The environment of a shell that finds these programs first."""
    for name, script in {"sbatch": SBATCH, "equimodal": EQUIMODAL}.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_the_job_array_trains_every_run_of_its_plan_once_and_then_gathers(tmp_path):
    first = next(k for k, block in enumerate(BLOCKS) if "--write-plan" in block)
    write, array, submit = BLOCKS[first : first + 3]
    (tmp_path / "array.sh").write_text(array)
    lines = ["bash", "-euc", write + submit]
    subprocess.run(lines, cwd=tmp_path, env=stand_ins(tmp_path), check=True)
    first, *tasks, last = (tmp_path / "jobs.txt").read_text().splitlines()
    planned, gathered = parse(first.split()[1:]), parse(last.partition("equimodal ")[2].split())
    runs = len(planned.methods) * planned.seeds
    assert tasks == [f"equimodal train --from-plan plan.json --index {k}" for k in range(runs)]
    assert last.startswith("--dependency=afterany:4711: ") and gathered.resume
    same = vars(planned).keys() - {"write_plan"}
    assert {key: vars(gathered)[key] for key in same} == {key: vars(planned)[key] for key in same}
    assert all(parse(shlex.split(task)[1:]).from_plan == "plan.json" for task in tasks)
