"""`equimodal train`: its texts, and what it prints."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from equimodal.cli.command import with_options
from equimodal.cli.options import given
from equimodal.cli.shown import PIPE_WIDTH
from equimodal.errors import BalanceError, ToldElsewhere
from equimodal.storage.printing import say
from equimodal.training.launch import import_fabric, launched, told_once
from equimodal.workers.process import one_thread

if TYPE_CHECKING:
    from equimodal.comparison.experiment import Execution, Experiment
    from equimodal.experiments.train import TrainedRun

_DESCRIPTION = """\
Train one row with one seed into the folder runs/<row>/seed-<n> below --out, as compare does: a
later `equimodal compare --resume` with the same arguments uses it. Under torchrun or srun all
processes train the run together."""

_EXAMPLES = """\
examples:
  equimodal train --method amss --seed 1
  equimodal train --method amss --seed 1 --resume          continue after a kill
  torchrun --nproc-per-node 2 -m equimodal train --method amss --batch-size 128
  torchrun --nnodes 2 --node-rank 0 --nproc-per-node 1 --master-addr HOST --master-port 29500 \\
      -m equimodal train --method amss         and on the second machine --node-rank 1

SLURM, and what several processes change: docs/several-machines.md"""


def _run(arguments: argparse.Namespace) -> None:
    os.environ.update(one_thread(os.environ))  # read when torch is imported
    with told_once(os.environ):
        from equimodal.comparison.experiment import arranged

        experiment, execution = arranged({"seeds": (0,), **given(arguments)})
        _check_early(experiment, execution)
    import_fabric()
    from equimodal.experiments.train import train_run

    run = train_run(experiment, execution)
    if run.result["status"] == "diverged":
        raise (BalanceError if run.speaks else ToldElsewhere)(run.result["message"])
    if run.speaks:
        _show(run)


def _check_early(experiment: "Experiment", execution: "Execution") -> None:
    """Refuse a folder that holds the run, before the seconds that PyTorch takes to load."""
    from equimodal.comparison.folder import check_run
    from equimodal.comparison.rows import run_place

    if launched(os.environ).alone:
        (row,), (seed,) = experiment.methods or ("",), experiment.seeds
        folder = execution.folder(experiment.data)
        check_run(folder, run_place(row, seed), resume=execution.resume)


def _show(run: "TrainedRun") -> None:
    from equimodal import report
    from equimodal.report.read.model import is_default, model_line
    from equimodal.storage.console import Console

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    say(f"{run.config.title}: {report.run_line(run.result)}\n")
    config = run.config.as_dict()
    if not is_default(config):
        say(f"{model_line(config)}\n")
    console.print(report.run_table(run.result))
    say(f"\nrun: {run.folder}")
    if run.model is not None:
        say(f"model: {run.model}")


TRAIN = with_options(
    "train", help="train one method with one seed, on any number of machines",
    description=_DESCRIPTION, examples=_EXAMPLES, run=_run,
)  # fmt: skip
