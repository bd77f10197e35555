"""Means and their spread over the seeds of a row, and the choice of its learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median, stdev
from typing import Any

Run = Mapping[str, Any]


def mean_and_sd(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and standard deviation (n - 1); sd is None for one value, both for none."""
    return {
        "mean": fmean(values) if values else None,
        "sd": stdev(values) if len(values) > 1 else None,
    }


def paired_ratio(values: Mapping[int, float], reference: Mapping[int, float]) -> float | None:
    """Median over the common seeds of ``values / reference``; None without any."""
    ratios = [values[s] / reference[s] for s in values.keys() & reference if reference[s] > 0]
    return median(ratios) if ratios else None


def chosen_rate(runs: Sequence[Run]) -> float | None:
    """The learning rate of one row with the best mean main score of validation over its seeds.

    A run without a result (diverged, failed) counts as 0, or as the row's worst where that is less;
    of equals the lower rate wins.
    """
    rates: set[float | None] = {run["lr"] for run in runs}
    if len(rates) == 1:
        return next(iter(rates))
    return max(
        sorted(float(rate) for rate in rates if rate), key=lambda rate: _mean_validation(runs, rate)
    )


def _mean_validation(runs: Sequence[Run], rate: float) -> float:
    worst = min(0.0, *(main_score(r["validation"]) for r in runs if r["validation"]), 0.0)
    found = [run["validation"] for run in runs if run["lr"] == rate]
    return fmean(main_score(validation) if validation else worst for validation in found)


def main_score(measures: Mapping[str, Any]) -> float:
    """The score of a split that counts, as results hold it: accuracy, or what ``score`` is."""
    return float(measures["score"] if "score" in measures else measures["accuracy"])
