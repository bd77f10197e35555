"""The winner of a search against the baselines, on fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from equimodal.comparison.results import is_over
from equimodal.errors import BalanceError
from equimodal.experiments.choice.space import BASELINES, SEARCH_SEED
from equimodal.experiments.choice.task import CLOSING, Json, Task
from equimodal.experiments.choice.time_budget import spoken

FEWEST, _WITHOUT_SEARCH = 2, 3
"""Fresh seeds, at least, after a search; and where there was nothing to search."""
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
        seeds = _fresh(done, more)
        whole = task.train("confirmed", methods=rows, seeds=seeds, settings=settings)
        trained = more if whole else _whole_seeds(task, rows, settings, seeds)
        done += trained
        each = (task.budget.spent - began) / max(trained, 1)
        task.keep(seeds=done)
        if not whole:
            break
    if not done:
        raise BalanceError(
            f"A budget of {spoken(task.budget.seconds)} was over before one fresh seed was "
            "trained: runs took longer than those of the diagnosis. Nothing is lost: write "
            f"--resume --budget {spoken(task.budget.spent + FEWEST * each + 2 * CLOSING)}"
        )
    return task.compare("confirmed", methods=rows, seeds=_fresh(0, done), settings=settings)


def _fresh(first: int, count: int) -> list[int]:
    """Some fresh seeds, by their place."""
    return [SEARCH_SEED + 1 + k for k in range(first, first + count)]


def _whole_seeds(
    task: Task, rows: Sequence[str], settings: Mapping[str, Any], seeds: Sequence[int]
) -> int:
    """How many of the seeds, from the first on, have all of their runs."""
    place = task.folder / "confirmed"

    def whole(seed: int) -> bool:
        plan = task.plan(methods=rows, seeds=[seed], settings=settings)
        return all(is_over(run, place) for run in plan.runs)

    return len(list(takewhile(whole, seeds)))


def _more_seeds(task: Task, done: int, each: float, *, searched: bool) -> int:
    """How many fresh seeds to train next: half of what fits, so that a wrong estimate is seen."""
    fewest = FEWEST if searched else _WITHOUT_SEARCH
    if not searched or done < fewest:
        return max(0, fewest - done)
    fits = math.floor((task.budget.left - CLOSING) / each)
    return max(0, min(fits, math.ceil(fits / 2)))


def seed_seconds(task: Task, references: Json, rows: Sequence[str]) -> float:
    """Seconds that one fresh seed takes: the baselines, and one row like the slower of them."""
    seconds = {run["method"]: run["seconds"] or 0.0 for run in references["runs"]}
    known = [seconds[row] for row in BASELINES]
    own = [] if set(rows) <= set(BASELINES) else [_SLOWER * max(known)]
    return sum([*known, *own]) / task.jobs
