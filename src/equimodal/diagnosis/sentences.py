"""The sentences of a verdict, written once for the terminal, the page and `choose`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from equimodal.comparison.rows import UNTRAINED
from equimodal.comparison.words import listing, percent, points
from equimodal.diagnosis.evidence import LONGER
from equimodal.diagnosis.rules import LEARNED_NOTHING, NO_VERDICT, UNDER_TRAINED, is_sure
from equimodal.diagnosis.task_words import task_words

Json = Mapping[str, Any]


def headline(verdict: Json) -> str:
    """The state in words, with the modalities that it names and how sure it is."""
    state, sure = verdict["state"], sure_told(verdict["sure"])
    if state == UNDER_TRAINED:
        words = verdict["modalities"].items()
        return f"{state}: {', '.join(m for m, v in words if v['word'] == UNDER_TRAINED)} ({sure})"
    if state == NO_VERDICT:
        open_ = [m for m, v in verdict["modalities"].items() if v["word"] == NO_VERDICT]
        return f"{state}: nothing can be said of {listing(open_)}"
    if state == LEARNED_NOTHING:
        above = spanned(points, verdict["cost"]["above_chance"])
        return f"{state}: {above} points above {task_words(verdict).always} ({sure})"
    return f"{state} ({sure})"


def word_told(found: Json) -> str:
    """The word of a modality and how sure it is, or why there is none."""
    if found["word"] == NO_VERDICT:
        return f"{NO_VERDICT}: {found['why']}"
    return f"{found['word']} ({sure_told(found['sure'])})"


def settled_by(entry: Json) -> str:
    """What would settle the word of the modalities that have none."""
    return f"to settle {listing(entry['modalities'])}: {entry['command']}"


def sure_told(share: float | None) -> str:
    """How probable a word is under the intervals."""
    return f"{'sure' if is_sure(share) else 'not sure'}, {percent(share, digits=0)} %"


def probes_told(found: Json) -> str:
    """The probes that the word of a modality follows from; empty without any."""
    probe = found["probe"]
    if not probe["fused"]:
        return ""
    parts = [f"linear probe of its encoder {percent(probe['fused']['value'])} %"]
    for key, name in (("alone", "trained alone"), (UNTRAINED, UNTRAINED)):
        if probe[key]:
            parts.append(f"{name} {percent(probe[key]['value'])}")
    for times, reached in zip(LONGER, probe.get("longer_alone", ()), strict=False):
        parts.append(f"alone for {times} times the steps {percent(reached['value'])}")
    lost = f": lost {spanned(percent, probe['lost'])} points" if probe["lost"] else ""
    return f"{', '.join(parts)}, chance {percent(found['chance'])}{lost}"


def spanned(written: Callable[..., str], value: Json) -> str:
    """An estimate with its interval."""
    return written(value["value"], value["low"], value["high"])
