"""One epoch, measured before anything else, and what it says of a budget."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from shutil import rmtree

from equimodal.comparison.plan import PlannedRun
from equimodal.comparison.rows import JOINT
from equimodal.errors import BalanceError
from equimodal.experiments.choice.confirmation import FEWEST
from equimodal.experiments.choice.task import CLOSING, Json, Task
from equimodal.experiments.choice.time_budget import spoken
from equimodal.storage.files import read_json
from equimodal.training.run_folder import RESULT

_DIAGNOSING, _TRYING, _CONFIRMING = 3.0, 0.5, 3.0
"""Runs of joint training that the references, one trial and one fresh seed take at least: all
modalities alone together are one, and no row is cheaper than joint but these."""


def check_possible(task: Task) -> None:
    """Train one epoch of joint training, and refuse a budget that cannot work.

    Raises:
        BalanceError: it is shorter than the least that a choice takes, or the epoch failed.
    """
    state = task.keep()
    measured = state.get("measured") or _measured(task)
    task.keep(measured=measured)
    least = _least(task, measured)
    if task.budget.left < least:
        whole = 1.2 * (task.budget.spent + least)
        raise BalanceError(
            f"A budget of {spoken(task.budget.seconds)} is too short for {task.experiment.data}: "
            f"one epoch took {measured['epoch']:.2g} s, so that diagnosing, one trial and {FEWEST} "
            f"fresh seeds of {measured['epochs']} epochs take {spoken(least)} at least. Nothing is "
            f"lost: write --resume --budget {spoken(whole)}, or begin anew with fewer --epochs."
        )


def _measured(task: Task) -> Json:
    """Seconds of an epoch of joint training, and of what a run takes besides."""
    task.teller.stage("measuring one epoch of joint training")
    plan, place = task.plan(), task.folder / "measured"
    config = next(run.config for run in plan.runs if run.config.method == JOINT)
    once = PlannedRun(replace(config, epochs=1), JOINT)
    quiet = replace(task.place, execution=replace(task.execution, progress=False))
    failed = quiet.trained([once], place, plan.data_root)
    if failed:
        raise BalanceError(f"{once.config.title} failed: {failed[0]}")
    result = read_json(place / JOINT / RESULT)
    rmtree(place, ignore_errors=True)
    steps = ceil(plan.data["sizes"]["train"] / config.batch_size)
    epoch = steps * (result["step_seconds"] or 0.0)
    beside = max(0.0, result["seconds"] - epoch)
    return {"epoch": epoch, "beside": beside, "epochs": config.epochs}


def _least(task: Task, measured: Json) -> float:
    """Seconds that a choice takes at least on an idle machine."""
    run = measured["beside"] + measured["epochs"] * measured["epoch"]
    runs = _DIAGNOSING + _TRYING + FEWEST * _CONFIRMING
    return float(runs * run / task.jobs + CLOSING)
