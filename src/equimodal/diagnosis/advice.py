"""Which methods fit a verdict, each with its reason. None is promised to help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from equimodal import methods
from equimodal.comparison.rows import ENSEMBLE, UNIMODAL
from equimodal.diagnosis.rules import BEHIND, BEHIND_FROM, UNDER_TRAINED, WEAK, WELL_TRAINED


def advice(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What to try, best-founded first: ``{"method": row, "reason": sentence, "controls": rows}``.

    ``method`` is a row of `equimodal compare`, or empty for advice that is no method; ``controls``
    are the rows that show what its own idea does.
    """
    tips = {
        UNDER_TRAINED: _for_starved,
        BEHIND: _for_fusion,
    }.get(verdict["state"], lambda _: iter(()))
    found = [*tips(verdict), *_for_weak(verdict)]
    return [{"method": row, "reason": reason, "controls": _controls(row)} for row, reason in found]


def _controls(row: str) -> list[str]:
    return list(methods.entry(row).controls) if methods.known(row) else []


def _for_starved(verdict: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    words = {m: v["word"] for m, v in verdict["modalities"].items()}
    starved = [m for m, word in words.items() if word == UNDER_TRAINED]
    told = " and ".join(starved)
    yield (
        UNIMODAL,
        f"a loss for each modality keeps {told} learning after the fused loss is low; the cheapest "
        f"remedy{_measured(verdict, UNIMODAL)}",
    )
    yield (
        "dus",
        f"draws larger batches for the modality that scores lower, here {told}, on losses of its "
        "own",
    )
    well = [m for m, word in words.items() if word == WELL_TRAINED]
    if well:
        ahead = " and ".join(well)
        yield (
            "amss",
            f"updates fewer units of the encoder that is ahead, here {ahead}, so that the fused "
            f"loss leaves something for {told}",
        )
        yield (
            "relearn",
            f"moves an encoder that has over-learned, more likely {ahead}, back towards its start",
        )
    yield (
        ENSEMBLE,
        f"separate models, their predictions averaged; costs one model a modality"
        f"{_measured(verdict, ENSEMBLE)}",
    )


def _for_fusion(verdict: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        ENSEMBLE,
        "the encoders are as good as trained alone, their fusion is not"
        f"{_measured(verdict, ENSEMBLE)}",
    )
    yield (
        UNIMODAL,
        f"a loss for each modality regularises the head{_measured(verdict, UNIMODAL)}",
    )


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
    span = f"{100 * difference['low']:+.1f} to {100 * difference['high']:+.1f}"
    return f" ({100 * difference['value']:+.1f} points measured here, {span})"
