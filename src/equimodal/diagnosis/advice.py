"""Which methods fit a verdict, each with its reason. None is promised to help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from equimodal import methods
from equimodal.comparison.rows import ENSEMBLE, suited_to
from equimodal.comparison.words import points
from equimodal.diagnosis.rules import BEHIND, UNDER_TRAINED, WEAK, WELL_TRAINED
from equimodal.diagnosis.sentences import spanned
from equimodal.methods.entry import AHEAD, FUSION, STARVED


def advice(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What to try, what was measured first: ``{"method": row, "reason": ..., "controls": rows}``.

    ``method`` is a row of `equimodal compare`, or empty for advice that is no method; ``controls``
    are the rows that show what its own idea does. Rows of the same folder that fit or are shown to
    be better come by their difference, best first; then what was not tried. Which methods fit
    which case, and why, is told by the registry.
    """
    tips = {UNDER_TRAINED: _for_starved, BEHIND: _for_fusion}.get(verdict["state"])
    fitting = dict(tips(verdict)) if tips else {}
    if "task" in verdict:
        fitting = {row: fitting[row] for row in suited_to(fitting, verdict["task"])}
    ahead = {row: found["difference"] for row, found in verdict["cost"]["ahead"].items()}
    tried = [row for row in ahead if row in fitting or (ahead[row]["low"] or 0.0) > 0]
    tried.sort(key=lambda row: -ahead[row]["value"])
    found = [
        *((row, _measured(ahead[row], fitting.get(row, ""))) for row in tried),
        *((row, f"not tried here: {why}") for row, why in fitting.items() if row not in ahead),
        *_for_weak(verdict),
    ]
    return [{"method": row, "reason": reason, "controls": _controls(row)} for row, reason in found]


def fitting_any(verdict: Mapping[str, Any]) -> list[str]:
    """Methods that fit a starved modality and the verdict's task, in the order of the advice."""
    rows = [row for case in (STARVED, AHEAD) for row, _ in methods.fitting(case)]
    return suited_to(rows, verdict["task"]) if "task" in verdict else rows


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
                "its data and its encoder",
            )


def _measured(difference: Mapping[str, Any], why: str) -> str:
    """What an alternative scored here, and why it fits where it does."""
    told = f"{spanned(points, difference)} points measured here"
    return f"{told}: {why}" if why else told
