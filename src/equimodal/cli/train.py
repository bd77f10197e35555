"""`equimodal train`: its texts, and what it prints."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equimodal.cli.command import with_options
from equimodal.cli.options import given
from equimodal.cli.shown import PIPE_WIDTH
from equimodal.comparison.command.options import options_of
from equimodal.errors import BalanceError, ToldElsewhere
from equimodal.storage.printing import say
from equimodal.training.launch import import_fabric, launched, told_once
from equimodal.workers.process import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from equimodal.comparison.execution import Execution
    from equimodal.comparison.experiment import Experiment
    from equimodal.experiments.train import TrainedRun

_DESCRIPTION = """\
Train one row with one seed into the folder runs/<row>/seed-<n> below --out, as compare does: a
later `equimodal compare --resume` with the same arguments uses it. Under torchrun or srun all
processes train the run together."""

_OF_A_PLAN = ("from_plan", "index")
_EXAMPLES = """\
examples:
  equimodal train --method amss --seed 1
  equimodal train --method amss --seed 1 --resume          continue after a kill
  torchrun --nproc-per-node 2 -m equimodal train --method amss --batch-size 128
  torchrun --nnodes 2 --node-rank 0 --nproc-per-node 1 --master-addr HOST --master-port 29500 \\
      -m equimodal train --method amss         and on the second machine --node-rank 1
  equimodal train --from-plan plan.json --index 7      one run of `equimodal compare --write-plan`

SLURM, and what several processes change: docs/several-machines.md"""


def _run(arguments: argparse.Namespace) -> None:
    os.environ.update(one_thread(os.environ))  # read when torch is imported
    with told_once(os.environ):
        task = _task(given(arguments))
    run = task()
    if run.result["status"] == "diverged":
        raise (BalanceError if run.speaks else ToldElsewhere)(run.result["message"])
    if run.speaks:
        _show(run)


def _task(options: dict[str, Any]) -> "Callable[[], TrainedRun]":
    """What is to be trained, checked as far as that takes no time.

    Raises:
        BalanceError: neither a method nor a run of a plan, or a value that cannot be honoured.
    """
    from equimodal.comparison.execution import arranged

    own = {name: options.pop(name) for name in _OF_A_PLAN if name in options}
    if own:
        return _task_of_plan(own, options)
    if "methods" not in options:
        raise BalanceError("train takes --method NAME, or --from-plan FILE with --index N.")
    experiment, execution = arranged({"seeds": (0,), **options})
    _check_early(experiment, execution)

    def task() -> "TrainedRun":
        import_fabric()
        from equimodal.experiments.train import train_run

        return train_run(experiment, execution)

    return task


def _task_of_plan(own: dict[str, Any], others: dict[str, Any]) -> "Callable[[], TrainedRun]":
    if others:
        flag = options_of("train")[next(iter(others))].flag
        raise BalanceError(
            f"{flag} is part of the plan already, and its runs are continued anyway; leave it out."
        )
    if own.keys() != set(_OF_A_PLAN):
        raise BalanceError("One run of a plan is named by both, --from-plan FILE and --index N.")

    def task() -> "TrainedRun":
        import_fabric()
        from equimodal.experiments.train import train_planned

        return train_planned(Path(own["from_plan"]), own["index"])

    return task


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
