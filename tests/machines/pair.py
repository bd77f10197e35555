"""One of two processes, first under torchrun's variables, then under SLURM's: `pair.py RANK PORTS`.

Leaves ``rank-<n>.pt`` with what each row ended with.
"""

import os
import re
import sys
from pathlib import Path

import torch

from equimodal.cli.main import main
from equimodal.training import loop, setup
from equimodal.training.launch import Launch
from equimodal.training.ranks import together
from unit.training.tiny import config, tiny_source

# Settings with which a method acts within a few steps.
ROWS = {"amss": {}, "dus": {"gamma": 8.0}, "relearn": {"at": (0.25, 0.5)}, "alone:b": {}}
EPOCHS = 4
PAGE = Path(__file__).parents[2] / "docs" / "several-machines.md"


class Stopped(Exception):
    """Ends a training as a signal would, on both ranks after the same epoch."""


def stop_after_two(epoch, accuracy):
    if epoch == 2:
        raise Stopped


def as_torchrun(rank, port):
    os.environ.update(
        TORCHELASTIC_RUN_ID="none", WORLD_SIZE="2", LOCAL_WORLD_SIZE="1", RANK=str(rank),
        LOCAL_RANK="0", GROUP_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=port,
    )  # fmt: skip


def as_slurm(rank, port):
    del os.environ["TORCHELASTIC_RUN_ID"], os.environ["WORLD_SIZE"], os.environ["LOCAL_RANK"]
    os.environ.update(
        SLURM_JOB_NAME="train", SLURM_NTASKS="2", SLURM_NTASKS_PER_NODE="1", SLURM_NNODES="2",
        SLURM_PROCID=str(rank), SLURM_NODEID=str(rank), SLURM_LOCALID="0",
        MASTER_ADDR="127.0.0.1", MASTER_PORT=port,
    )  # fmt: skip


def the_loop_in_the_document():
    """Runs it as it stands there; returns the weights it ends with."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    given = {}
    exec(code, given)
    return {"weights": state(given["model"])}


def every_row(rank):
    """Every row whole, and stopped after two epochs and continued: "<row>", "<row> resumed"."""
    setup.load = tiny_source
    found = {}
    with together("cpu", Launch("torchrun", 2, 2, rank, 0)) as fabric:
        for row, settings in ROWS.items():
            run = config(method=row, epochs=EPOCHS, lr=0.2, settings=settings)
            found[row] = ended(run, Path(f"whole-{row}"), fabric)
            stopped = Path(f"stopped-{row}")
            try:
                loop.train(run, stopped, fabric=fabric, notify=stop_after_two)
            except Stopped:
                found[f"{row} resumed"] = ended(run, stopped, fabric)
    return found


def ended(run, folder, fabric):
    """What this rank holds when the run is over."""
    seen = {}
    original = loop.conclude

    def conclude(setup, history, *rest):
        state_dict = setup.balancer.state_dict()
        seen.update(
            weights=state(setup.network), balancer=state_dict, curves=history.curves,
            decisions=history.decisions, rows=setup.batch_size,
        )  # fmt: skip
        return original(setup, history, *rest)

    loop.conclude = conclude
    seen["result"] = loop.train(run, folder, fabric=fabric)
    loop.conclude = original
    return seen


def state(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


if __name__ == "__main__":
    rank, ports = int(sys.argv[1]), sys.argv[2:]
    torch.set_num_threads(1)
    as_torchrun(rank, ports[0])
    results = {"document": the_loop_in_the_document()}
    os.environ["MASTER_PORT"] = ports[1]
    torch.save(results | every_row(rank), f"rank-{rank}.pt")
    as_slurm(rank, ports[2])
    # The second machine has no such folder.
    root = "files" if rank == 0 else "elsewhere"
    sys.exit(main(["train", "--method", "joint", "--data", "handwritten", "--data-root", root]))
