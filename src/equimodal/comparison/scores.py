"""The scores of results.json: how they are called, and how their values are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equimodal.comparison.words import ABSENT, mean_and_sd, percent
from equimodal.data.target import ACCURACY

WORDS: Mapping[str, str] = {
    ACCURACY: "accuracy",
    "macro_f1": "macro F1",
    "mean_average_precision": "mean average precision",
    "micro_f1": "micro F1",
    "auroc": "AUROC",
    "label_accuracy": "label accuracy",
    "r2": "R²",
    "mae": "MAE",
    "rmse": "RMSE",
    "pearson": "Pearson correlation",
}
"""As tables name each score; its name in `equimodal.measures.scoring`."""
IN_UNITS = ("mae", "rmse")
"""Scores in the units of the numbers, of which less is better; others are at most 1."""


def main_of(data: Mapping[str, Any]) -> str:
    """Name of the main score, by ``data`` of results.json."""
    return str(data.get("score", ACCURACY))


def capitalised(words: str) -> str:
    """The words at the start of a sentence."""
    return words[:1].upper() + words[1:]


def written(name: str, mean: float | None, sd: float | None = None) -> str:
    """A score in percent, or in the units of the numbers, with its deviation."""
    if name not in IN_UNITS:
        return mean_and_sd(mean, sd)
    if mean is None:
        return ABSENT
    return f"{mean:.4g}" if sd is None else f"{mean:.4g} ± {sd:.2g}"


def with_ends(name: str, found: Mapping[str, Any] | None) -> str:
    """A score with its interval, "-" where there is none."""
    if found is None:
        return ABSENT
    mean, low, high = (found[key] for key in ("mean", "low", "high"))
    if name not in IN_UNITS or mean is None:
        return percent(mean, low, high)
    ends = "" if low is None or high is None else f" [{low:.4g}, {high:.4g}]"
    return f"{mean:.4g}{ends}"
