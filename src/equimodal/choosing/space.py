"""What is searched: the methods that a verdict suggests, each with its main setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equimodal import methods

if TYPE_CHECKING:
    from optuna.trial import Trial

BASELINES = ("joint", "joint+unimodal")
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


def candidates(advice: Iterable[Mapping[str, str]]) -> list[str]:
    """The suggested rows that have a setting to search, in the order of the advice."""
    return [tip["method"] for tip in advice if tip["method"] in MAIN]


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
