"""Which methods fit a verdict, each with its reason. None is promised to help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from equimodal import methods
from equimodal.comparison.rows import ENSEMBLE
from equimodal.comparison.words import points
from equimodal.diagnosis.rules import BEHIND, BEHIND_FROM, UNDER_TRAINED, WEAK, WELL_TRAINED
from equimodal.methods.entry import AHEAD, FUSION, STARVED


def advice(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What to try, best-founded first: ``{"method": row, "reason": sentence, "controls": rows}``.

    ``method`` is a row of `equimodal compare`, or empty for advice that is no method; ``controls``
    are the rows that show what its own idea does. Which methods fit which case, and why, is told
    by the registry.
    """
    tips = {UNDER_TRAINED: _for_starved, BEHIND: _for_fusion}.get(verdict["state"])
    found = [
        *(
            (row, reason + _measured(verdict, row))
            for row, reason in (tips(verdict) if tips else ())
        ),
        *_for_weak(verdict),
    ]
    return [{"method": row, "reason": reason, "controls": _controls(row)} for row, reason in found]


def fitting_any() -> list[str]:
    """Methods that fit a starved modality, in the order of the advice."""
    return [row for case in (STARVED, AHEAD) for row, _ in methods.fitting(case)]


def _controls(row: str) -> list[str]:
    return list(methods.entry(row).controls) if methods.known(row) else []


def _for_starved(verdict: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    named = {STARVED: _joined(verdict, UNDER_TRAINED), AHEAD: _joined(verdict, WELL_TRAINED)}
    for case in filter(named.get, named):
        for row, reason in methods.fitting(case):
            yield row, reason.format(starved=named[STARVED], ahead=named[AHEAD])
    yield ENSEMBLE, "separate models, their predictions averaged; costs one model a modality"


def _for_fusion(verdict: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield ENSEMBLE, "the encoders are as good as trained alone, their fusion is not"
    yield from methods.fitting(FUSION)


def _joined(verdict: Mapping[str, Any], word: str) -> str:
    """The modalities of a word, empty where there is none."""
    return " and ".join(m for m, found in verdict["modalities"].items() if found["word"] == word)


def _for_weak(verdict: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A weak modality is no case for balancing: its data or its encoder are."""
    for m, found in verdict["modalities"].items():
        if found["word"] == WEAK:
            yield (
                "",
                f"{m} tells little even when trained alone, so no balancing can mend it: look at "
                "its data and its encoder, or leave it out",
            )
    best = verdict["cost"]["best_alone"]
    ahead = verdict["cost"]["ahead"].get(best, {}).get("difference", {"value": 0.0, "low": 0.0})
    if best and ahead["low"] > 0 and ahead["value"] >= BEHIND_FROM:
        yield (
            best,
            "one modality alone predicts better than the fused model",
        )


def _measured(verdict: Mapping[str, Any], rival: str) -> str:
    """What the alternative scored here, where it was trained."""
    found = verdict["cost"]["ahead"].get(rival)
    if found is None:
        return ""
    difference = found["difference"]
    value, low, high = (points(difference[key]) for key in ("value", "low", "high"))
    return f" ({value} points measured here, {low} to {high})"
