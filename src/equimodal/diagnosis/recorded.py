"""What a balancer's records say of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from equimodal.balancing.recorder import COLLAPSED_BELOW, behind
from equimodal.balancing.recording_file import Rows


def training_summary(rows: Rows) -> dict[str, Any]:
    """Name -> modality -> mean, and means of the first and the last tenth of the records."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(row["name"] for row in rows):
        own = sorted((r for r in rows if r["name"] == name), key=lambda r: int(r["step"]))
        modalities = list(own[0]["values"])
        found[name] = {m: _summary([row["values"][m] for row in own]) for m in modalities}
    return found


def _summary(values: Sequence[float | None]) -> dict[str, float | None]:
    tenth = max(1, len(values) // 10)
    return {
        "mean": _mean(values),
        "first": _mean(values[:tenth]),
        "last": _mean(values[-tenth:]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def collapsed(summary: Mapping[str, Any]) -> list[str]:
    """Modalities whose share of the gradient fell to less than `COLLAPSED_BELOW` of its start,
    while their own score, where there is one, stayed far below the best.

    A modality that has converged has a small gradient too.
    """
    shares = summary.get("gradient_share", {})
    scores = {m: value["last"] for m, value in summary.get("score", {}).items()}
    return [
        m for m, share in shares.items()
        if share["first"] and share["last"] is not None
        and share["last"] < COLLAPSED_BELOW * share["first"]
        and (not scores or behind(scores, m))
    ]  # fmt: skip
