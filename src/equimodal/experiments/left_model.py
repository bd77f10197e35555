"""The model that a comparison leaves: of the row, then the seed, that did best on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from equimodal.comparison.outcome.summary import chosen_runs
from equimodal.comparison.plan import Plan, PlannedRun
from equimodal.numerics.spreads import main_score
from equimodal.report.read.diagnosis import read_diagnosis
from equimodal.saved.description import FILE
from equimodal.saved.writing import write_model

MODEL = "model"
"""Name of the model folder, in that of a run, a comparison or a choice."""


def leave_model(folder: Path, plan: Plan, results: Mapping[str, Any]) -> Path | None:
    """Write the model folder of a comparison, and return it; None where no run has a model."""
    run = best_run(plan, results["runs"])
    (folder / MODEL / FILE).unlink(missing_ok=True)  # of fewer runs
    if run is None:
        return None
    diagnosis, _ = read_diagnosis(folder)
    verdict = [] if diagnosis is None else list(diagnosis["text"])
    return write_model(folder / MODEL, plan, run, folder, verdict=verdict)


def best_run(plan: Plan, runs: Sequence[Mapping[str, Any]]) -> PlannedRun | None:
    """The run of the best seed of the best row, by the main score of validation.

    Of equals it is the first. A row that trains nothing, or averages others, has no model.
    """
    planned = {run.folder: run for run in plan.runs if run.config.trained_epochs}
    by_row = {
        row: [r for r in chosen_runs([dict(run) for run in runs], row)
              if r["status"] == "finished" and r.get("folder") in planned]
        for row in plan.config["methods"]
    }  # fmt: skip
    means = {row: fmean(map(_validation, own)) for row, own in by_row.items() if own}
    if not means:
        return None
    row = max(means, key=lambda name: means[name])
    return planned[max(by_row[row], key=_validation)["folder"]]


def _validation(run: Mapping[str, Any]) -> float:
    return main_score(run["validation"])
