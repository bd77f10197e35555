"""What is searched: the methods that a verdict suggests, each with its main setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from equimodal import methods
from equimodal.comparison.rows import JOINT, UNIMODAL
from equimodal.diagnosis.advice import fitting_any
from equimodal.diagnosis.rules import is_sure
from equimodal.methods import Range

if TYPE_CHECKING:
    from optuna.trial import Trial

SEARCH_SEED = 0
"""The seed that is diagnosed and searched on."""
BASELINES = (JOINT, UNIMODAL)
"""What a method has to beat, from the cheapest on."""


def candidates(found: Mapping[str, Any]) -> list[str]:
    """The rows that a diagnosis suggests and that have a setting to search, best-founded first.

    Where its verdict is not sure, all that fit a starved modality follow: one seed cannot rule
    them out. Rows on request, as the field's many are, come by advice alone: a budget that is
    spread over all of them decides nothing. One that learns from other rows is left out: every
    fresh seed would train those too.
    """
    rows = [tip["method"] for tip in found["advice"]]
    if not is_sure(found["verdict"]["sure"]):
        rows += [row for row in fitting_any(found["verdict"]) if not methods.entry(row).on_request]
    entries = [methods.entry(row) for row in dict.fromkeys(rows) if methods.known(row)]
    return [entry.name for entry in entries if entry.main and not entry.depends]


def main(row: str) -> Range:
    """The main setting of a row that is searched, and its range."""
    found = methods.entry(row).main
    assert found is not None
    return found


def default(row: str) -> dict[str, Any]:
    """A row with the default of its main setting, as parameters of a trial."""
    return {"row": row, key(row): float(methods.settings(row)[main(row).setting])}


def key(row: str) -> str:
    """The name of a row's main setting, such as ``amss.tau``."""
    return f"{row}.{main(row).setting}"


def suggest(trial: Trial, rows: list[str]) -> tuple[str, dict[str, float]]:
    """The row and the setting of a trial: ``"amss", {"tau": 0.3}``"""
    row = trial.suggest_categorical("row", rows)
    searched = main(row)
    value = trial.suggest_float(key(row), searched.low, searched.high, log=True)
    return row, {searched.setting: value}
