"""The outcome of a choice: the row that did best on validation, its model, and how it was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from equimodal import methods
from equimodal.comparison.command.writing import command
from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.outcome.telling import certainty
from equimodal.comparison.rows import JOINT
from equimodal.comparison.scores import main_of
from equimodal.data.target import ACCURACY
from equimodal.errors import BalanceError
from equimodal.experiments.choice.time_budget import spoken
from equimodal.numerics.spreads import main_score
from equimodal.storage.files import load_checkpoint, save_checkpoint
from equimodal.training.run_folder import CHECKPOINT

SCHEMA = "equimodal.choice/1"
MODEL = "model.pt"
_EARLY = 0.1
"""Share of a budget from which on time that is left over has its reason said."""

Json = dict[str, Any]


def picked(
    folder: Path,
    results: Json,
    winner: Json | None,
    trials: Sequence[Json],
    found: Mapping[str, Any],
    *,
    experiment: Experiment,
    execution: Execution,
    budget: Mapping[str, float],
) -> Json:
    """What choice.json holds; writes the model.

    Args:
        folder: of the choice.
        results: of the comparison on fresh seeds.
        winner: row and settings that won the search, or None without a search.
        trials: of the search.
        found: the diagnosis.
        experiment: that was searched from.
        execution: where its data are.
        budget: seconds that there were and that are spent.

    Raises:
        BalanceError: every run diverged, or the model cannot be written.
    """
    place = Execution(data_root=execution.data_root, cache=execution.cache)
    runs = [run for run in results["runs"] if run["status"] == "finished"]
    by_row = {row: [r for r in runs if r["method"] == row] for row in results["config"]["methods"]}
    scores = {row: fmean(_validation(r) for r in own) for row, own in by_row.items() if own}
    if not scores:
        raise BalanceError("Every run on the fresh seeds diverged; choose a lower --lr.")
    row = max(scores, key=lambda name: scores[name])  # of equals the first, the cheapest
    best_run = max(by_row[row], key=_validation)
    checkpoint = load_checkpoint(folder / "confirmed" / best_run["folder"] / CHECKPOINT)
    save_checkpoint(folder / MODEL, checkpoint["best"])
    settings = winner["settings"] if winner and winner["row"] == row else {}
    return {
        "schema": SCHEMA,
        "data": results["data"]["name"],
        "budget": dict(budget),
        "verdict": found["verdict"]["state"],
        "headline": found["verdict"]["headline"],
        "diagnosis": found["text"],
        "trials": list(trials),
        "fresh": _fresh(results, scores),
        "pick": {
            "row": row,
            "name": f"{row} {' '.join(f'{k}={v:.3g}' for k, v in settings.items())}".strip(),
            "settings": settings,
            "seed": best_run["seed"],
            "difference": results["summary"][row]["difference_to_unimodal"],
            "command": _command(row, settings, best_run["seed"], experiment, place),
            "model": MODEL,
        },
        "notes": [
            *_notes(row, winner, experiment, place),
            *_early(budget, winner),
            *certainty(results["judged"]),
        ],
        "page": "confirmed/report.html",
    }


def _fresh(results: Json, scores: Mapping[str, float]) -> Json:
    """The fresh seeds, and each row's accuracy over them."""
    summary, score = results["summary"], main_of(results["data"])
    return {
        "seeds": results["config"]["seeds"],
        **({} if score == ACCURACY else {"score": score}),
        "rows": {
            name: {
                "validation": score,
                "test": summary[name].get("score") or summary[name]["accuracy"],
            }
            for name, score in scores.items()
        },
    }


def _early(budget: Mapping[str, float], winner: Json | None) -> list[str]:
    """Why time is left over."""
    left = budget["seconds"] - budget["spent"]
    if winner is None or left < _EARLY * budget["seconds"]:
        return []
    return [f"{spoken(left)} are left over: no further fresh seed would have fitted"]


def _notes(row: str, winner: Json | None, experiment: Experiment, place: Execution) -> list[str]:
    if winner is None:
        return [
            "the diagnosis suggests no method with a setting to search, so the baselines alone "
            "were trained, and time is left over"
        ]
    if row != winner["row"]:
        return [f"{winner['row']} won the search, but not on fresh seeds; the pick is the baseline"]
    controls = methods.entry(row).controls
    if not controls:
        return []
    own = winner["settings"]
    return [
        f"what {row}'s own idea adds shows against {', '.join(controls)}, which were not trained "
        f"here: {_control_command(row, own, experiment, place)}"
    ]


def _control_command(
    row: str, settings: Mapping[str, float], experiment: Experiment, place: Execution
) -> str:
    """The command that holds the pick against its controls, which take its settings."""
    rows = (*methods.entry(row).controls, row)
    own = {
        f"{each}.{name}": value
        for each in rows
        for name, value in settings.items()
        if name in methods.settings(each)
    }
    compared = replace(
        experiment, methods=(JOINT, *rows), seeds=Experiment().seeds,
        settings={**own, **experiment.settings},
    )  # fmt: skip
    return command("compare", compared, place)


def _command(
    row: str, settings: Mapping[str, float], seed: int, experiment: Experiment, place: Execution
) -> str:
    """The command that trains the pick again."""
    own = {f"{row}.{name}": value for name, value in settings.items()}
    trained = replace(
        experiment, methods=(row,), seeds=(seed,), settings={**own, **experiment.settings}
    )
    return command("train", trained, place)


def _validation(run: Mapping[str, Any]) -> float:
    return main_score(run["validation"])
