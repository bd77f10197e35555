"""From the folders of the runs to what results.json holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from equimodal.comparison.ensemble import ensemble_run
from equimodal.comparison.environment import environment
from equimodal.comparison.outcome.judged import read_judged
from equimodal.comparison.outcome.summary import chosen_runs, summarise
from equimodal.comparison.plan import Plan, PlannedRun
from equimodal.comparison.rows import ENSEMBLE, alone_row
from equimodal.data.target import ACCURACY
from equimodal.errors import BalanceError
from equimodal.measures.scoring import CLASSES
from equimodal.storage.files import as_written, read_json
from equimodal.training.run_folder import RESULT, check_claim

SCHEMA = "equimodal.results/2"

Run = dict[str, Any]
_REMEDY = "delete the folder of its run and repeat the command with --resume"


def collect(plan: Plan, folder: Path, failures: Mapping[int, str]) -> dict[str, Any]:
    """What results.json holds.

    Args:
        plan: the comparison.
        folder: its folder, where every run of the plan that is not among ``failures`` is over.
        failures: why runs failed, by their index in the plan.

    Raises:
        BalanceError: a file of a run is missing or damaged.
    """
    rows = plan.config["methods"]
    kind, main = plan.data.get("task", CLASSES), plan.data.get("score", ACCURACY)
    runs = [
        _failed(planned, failures[index]) if index in failures else _finished(planned, folder)
        for index, planned in enumerate(plan.runs)
    ]
    with as_written(folder / "runs", _REMEDY):
        if ENSEMBLE in rows:
            runs += _ensembles(runs, plan, folder, main)
        runs.sort(key=lambda run: (rows.index(run["method"]), run["seed"], run["lr"] or 0.0))
        summarised = summarise(
            rows, runs, lambda run: read_judged(folder / run["folder"]), kind=kind, main=main,
            modalities=list(plan.data["modalities"]),
        )  # fmt: skip
    return {
        "schema": SCHEMA,
        "config": plan.config,
        "environment": environment(plan.config["device"]),
        "data": plan.data,
        "runs": runs,
        **summarised,
    }


def is_over(planned: PlannedRun, folder: Path) -> bool:
    """Whether the run has its result.

    Raises:
        BalanceError: the result is of a run with another configuration.
    """
    own = folder / planned.folder
    if not (own / RESULT).exists():
        return False
    check_claim(own, planned.config)
    return True


def _finished(planned: PlannedRun, folder: Path) -> Run:
    path = folder / planned.folder / RESULT
    result = read_json(path)
    wrong = [key for key, value in planned.config.identity.items() if result.get(key) != value]
    if wrong:
        raise BalanceError(
            f"'{path}' is of another run: its {wrong[0]} is {result.get(wrong[0])!r}; {_REMEDY}."
        )
    return result | {"folder": planned.folder}


def _failed(planned: PlannedRun, message: str) -> Run:
    """A run without a result."""
    unknown = ("acted", "best_epoch", "epochs", "seconds", "step_seconds", "test", "validation")
    return {
        **planned.config.identity,
        "status": "failed",
        "message": message,
        "folder": planned.folder,
        **dict.fromkeys(unknown),
    }


def _ensembles(runs: Sequence[Run], plan: Plan, folder: Path, main: str) -> list[Run]:
    """One ensemble for each seed, of the alone runs at the rates that were chosen for them."""
    members = [run for m in plan.data["modalities"] for run in chosen_runs(runs, alone_row(m))]
    seeds = plan.config["seeds"]
    by_seed = [[run for run in members if run["seed"] == seed] for seed in seeds]
    return [ensemble_run(own, folder, main) for own in by_seed]
