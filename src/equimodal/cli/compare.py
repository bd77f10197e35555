"""`equimodal compare`: its texts, and what it prints."""

import argparse
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from equimodal.cli.command import with_options
from equimodal.cli.options import given
from equimodal.cli.shown import show, warn_of_divergence
from equimodal.storage.printing import say

if TYPE_CHECKING:
    from equimodal.comparison.execution import Execution
    from equimodal.comparison.experiment import Experiment

_DESCRIPTION = """\
Train every row (a method or a baseline) on one data set with the same budget, print the table,
and write results.json and report.html. Every run is its own folder and survives a kill:
repeat the same command with --resume. Results that exist are never overwritten without it."""

_EXAMPLES = """\
examples:
  equimodal compare
  equimodal compare --methods joint,amss,amss-fixed --seeds 5 --out results/amss
  equimodal compare --lr 0.01,0.03,0.1 --set dus.gamma=2 --set keypad.snr=5 --out results/search
  equimodal compare --data avdigits --data-root ~/data --objective fused+unimodal --out results/av
  equimodal compare --data my.csv          a table of your own, see docs/manifest.md
  equimodal compare --resume               continue after a kill, or show the table again
  equimodal compare --device cuda:all      a run on every card at a time

Clusters (--engine ray, --write-plan for SLURM): docs/several-machines.md"""


def _run(arguments: argparse.Namespace) -> None:
    from equimodal.comparison.execution import arranged
    from equimodal.experiments.compare import compared

    options = given(arguments)
    file = options.pop("write_plan", None)
    experiment, execution = arranged(options)
    if file is not None:
        return _write(experiment, execution, file)
    results = compared(experiment, execution)
    folder = execution.folder(experiment.data)
    show(results, folder)
    say(f"results: {folder / 'results.json'}")
    say(f"page:    {folder / 'report.html'}")
    if (folder / "model" / "model.json").exists():
        say(f"model:   {folder / 'model'}")
    warn_of_divergence(results["runs"])


def _write(experiment: "Experiment", execution: "Execution", file: str) -> None:
    from pathlib import Path

    from equimodal.comparison.command.writing import command
    from equimodal.experiments.compare import written

    count = written(experiment, execution, Path(file))
    gather = command("compare", experiment, replace(execution, resume=True))
    say(f"plan:    {file}, {count} runs")
    say(f"each:    equimodal train --from-plan {shlex.quote(file)} --index N, 0 to {count - 1}")
    say(f"gather:  {gather}")


COMPARE = with_options(
    "compare", help="train methods and baselines, show who wins", description=_DESCRIPTION,
    examples=_EXAMPLES, run=_run,
)  # fmt: skip
