"""The winner of a search against the baselines, on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from equimodal.comparison.engine import execute
from equimodal.comparison.progress import shown
from equimodal.comparison.results import is_over
from equimodal.experiments.choice.space import BASELINES, SEARCH_SEED
from equimodal.experiments.choice.task import Json, Task

FEWEST, _WITHOUT_SEARCH = 2, 3
"""Fresh seeds, at least, after a search; and where there was nothing to search."""
CLOSING = 12.0
"""Seconds to start processes and to write a page."""
_SLOWER = 1.3
"""How much longer than joint + unimodal a method may take."""


def confirmed(task: Task, references: Json, winner: Json | None) -> Json:
    """The winner and the baselines on as many fresh seeds as the time allows."""
    rows = list(dict.fromkeys([*BASELINES, *([winner["row"]] if winner else [])]))
    settings = dict(task.experiment.settings)
    for name, value in (winner["settings"] if winner else {}).items():
        settings[f"{rows[-1]}.{name}"] = value
    task.teller.stage(f"confirming {', '.join(rows)} on fresh seeds")
    each = seed_seconds(task, references, rows[-1:])
    done = task.keep().get("seeds", 0)
    while more := _more_seeds(task, done, each, searched=bool(winner)):
        began = task.budget.spent
        _train_seeds(task, rows, settings, range(done, done + more))
        done += more
        each = (task.budget.spent - began) / more
        task.keep(seeds=done)
    seeds = [SEARCH_SEED + 1 + k for k in range(done)]
    return task.compare("confirmed", methods=rows, seeds=seeds, settings=settings)


def _more_seeds(task: Task, done: int, each: float, *, searched: bool) -> int:
    """How many fresh seeds to train next: half of what fits, so that a wrong estimate is seen."""
    fewest = FEWEST if searched else _WITHOUT_SEARCH
    if not searched or done < fewest:
        return max(0, fewest - done)
    fits = math.floor((task.budget.left - CLOSING) / each)
    return max(0, min(fits, math.ceil(fits / 2)))


def _train_seeds(
    task: Task, rows: Sequence[str], settings: Mapping[str, Any], numbers: range
) -> None:
    """Train the runs of some fresh seeds, into the folder of the comparison that is to come."""
    seeds = [SEARCH_SEED + 1 + k for k in numbers]
    plan = task.plan(methods=rows, seeds=seeds, settings=settings)
    folder = task.folder / "confirmed"
    runs = [run for run in plan.runs if not is_over(run, folder)]
    with shown(runs, progress=task.execution.progress) as listener:
        execute(runs, folder, jobs=task.jobs, data_root=plan.data_root, listener=listener)


def seed_seconds(task: Task, references: Json, rows: Sequence[str]) -> float:
    """Seconds that one fresh seed takes: the baselines, and one row like the slower of them."""
    seconds = {run["method"]: run["seconds"] or 0.0 for run in references["runs"]}
    known = [seconds[row] for row in BASELINES]
    own = [] if set(rows) <= set(BASELINES) else [_SLOWER * max(known)]
    return sum([*known, *own]) / task.jobs
