"""What is searched: the methods that a verdict suggests, each with its main setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equimodal import methods
from equimodal.comparison.rows import JOINT, UNIMODAL
from equimodal.diagnosis.rules import is_sure

if TYPE_CHECKING:
    from optuna.trial import Trial

SEARCH_SEED = 0
"""The seed that is diagnosed and searched on."""
BASELINES = (JOINT, UNIMODAL)
"""What a method has to beat, from the cheapest on."""


@dataclass(frozen=True)
class Range:
    """The main setting of a method and the range of values that are tried, on a log scale."""

    name: str
    low: float
    high: float


MAIN = {
    "amss": Range("tau", 0.05, 2.0),
    "amss+": Range("tau", 0.05, 2.0),
    "dus": Range("gamma", 0.25, 4.0),
    "dus-rl": Range("policy_lr", 0.001, 0.1),
    "relearn": Range("lam", 0.5, 10.0),
}
"""Ranges are ours; they hold each method's default."""
UNSURE = ("dus", "amss", "relearn")
"""What is tried in any case where a verdict is not sure."""


def candidates(found: Mapping[str, Any]) -> list[str]:
    """The rows that a diagnosis suggests and that have a setting to search, best-founded first.

    Where its verdict is not sure, `UNSURE` follow: one seed cannot rule them out.
    """
    rows = [tip["method"] for tip in found["advice"] if tip["method"] in MAIN]
    if not is_sure(found["verdict"]["sure"]):
        rows += [row for row in UNSURE if row not in rows]
    return rows


def default(row: str) -> dict[str, Any]:
    """A row with the default of its main setting, as parameters of a trial."""
    return {"row": row, key(row): float(methods.settings(row)[MAIN[row].name])}


def key(row: str) -> str:
    """The name of a row's main setting, such as ``amss.tau``."""
    return f"{row}.{MAIN[row].name}"


def suggest(trial: Trial, rows: list[str]) -> tuple[str, dict[str, float]]:
    """The row and the setting of a trial: ``"amss", {"tau": 0.3}``"""
    row = trial.suggest_categorical("row", rows)
    main = MAIN[row]
    return row, {main.name: trial.suggest_float(key(row), main.low, main.high, log=True)}
