"""The verdict: which word each modality gets, which state the model is in, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise, takewhile
from statistics import fmean
from typing import Any

from equimodal.comparison.rows import ENSEMBLE, UNIMODAL, UNTRAINED, alone_row
from equimodal.diagnosis import rules
from equimodal.diagnosis.columns import CHANCE, Columns, estimate
from equimodal.diagnosis.evidence import LONGER, Case, longer_row
from equimodal.diagnosis.sentences import headline, word_told
from equimodal.diagnosis.task_words import task_words
from equimodal.diagnosis.words import Probes, Word, is_above, word_of
from equimodal.numerics.intervals import Interval

Json = dict[str, Any]


def verdict(case: Case, columns: Columns) -> Json:
    """State of the model, word of each modality, and the cost, as plain data."""
    probes = {m: probes_of(case, columns, m) for m in case.modalities}
    best = max((p.tells.mean for p in probes.values() if p.tells), default=0.0)
    words = {m: word_of(found, best) for m, found in probes.items()}
    cost = _cost(case, columns)
    state, sure = _state(words, _leads(case, columns), _learned(case, columns))
    each = {m: _modality(case, columns, m, words[m], probes[m]) for m in case.modalities}
    told = {m: {**found, "told": word_told(found)} for m, found in each.items()}
    found = {"state": state, "sure": sure, "modalities": told, "cost": cost}
    if "task" in case.source:
        found["task"] = case.source["task"]
    return {**found, "headline": headline(found)}


def probes_of(case: Case, columns: Columns, m: str) -> Probes:
    """What the probes of one modality's encoder say, as far as its references are there."""
    fused, own, floor = (f"probe/{name}/{m}" for name in (case.row, alone_row(m), UNTRAINED))
    if own not in columns or fused not in columns:
        return Probes()
    steps = [own, *_longer(columns, m)]
    longest = longer_row(m, 2 ** (len(steps) - 1)) if len(steps) > 1 else alone_row(m)
    fits = [evidence.models[longest].fitted for evidence in case.seeds]
    known = [share for share in fits if share is not None]
    return Probes(
        lost=columns.interval(own, fused),
        tells=columns.interval(own, CHANCE),
        grown=columns.interval(own, floor) if floor in columns else None,
        longer=[columns.interval(b, a) for a, b in pairwise(steps)],
        reached=columns.interval(steps[-1], CHANCE),
        fitted=fmean(known) if len(known) == len(fits) else None,
        blind=task_words(case.source).blind,
    )


def _longer(columns: Columns, m: str) -> list[str]:
    """The probes of the longer references in order, up to the first that is absent."""
    names = [f"probe/{longer_row(m, times)}/{m}" for times in LONGER]
    return list(takewhile(lambda name: name in columns, names))


def _learned(case: Case, columns: Columns) -> Interval:
    """The model's accuracy minus that of naming the most frequent class always."""
    return columns.interval(f"accuracy/{case.row}", CHANCE)


def _leads(case: Case, columns: Columns) -> dict[str, Interval]:
    """What the simple alternatives that use every modality are ahead of the model by."""
    own = f"accuracy/{case.row}"
    rivals = [name for name in (ENSEMBLE, UNIMODAL) if name != case.row]
    return {
        name: columns.interval(f"accuracy/{name}", own)
        for name in rivals
        if f"accuracy/{name}" in columns
    }


def _state(
    words: Mapping[str, Word], leads: Mapping[str, Interval], learned: Interval
) -> tuple[str, float | None]:
    """The state, as sure as the least sure word that it rests on."""
    starved = [w for w in words.values() if w.word == rules.UNDER_TRAINED]
    if not is_above(learned):
        return rules.LEARNED_NOTHING, 1 - learned.above(rules.TELLS_FROM)
    if starved:
        return rules.UNDER_TRAINED, min(w.sure or 0.0 for w in starved)
    if any(w.word == rules.NO_VERDICT for w in words.values()):
        return rules.NO_VERDICT, None
    least = min(w.sure or 0.0 for w in words.values())
    ahead = [lead.above(0.0) for lead in leads.values() if is_above(lead)]
    if ahead:
        return rules.BEHIND, min(least, max(ahead))
    return rules.BALANCED, min([least, *(1 - d.above(rules.BEHIND_FROM) for d in leads.values())])


def _modality(case: Case, columns: Columns, m: str, word: Word, probes: Probes) -> Json:
    fused, own, floor = (f"probe/{name}/{m}" for name in (case.row, alone_row(m), UNTRAINED))
    return {
        "word": word.word,
        "sure": word.sure,
        "why": word.why,
        "wants": word.wants,
        "wants_longer": word.wants == rules.LONGER,
        "probe": {
            "fused": _estimate(columns, fused),
            "alone": _estimate(columns, own),
            "untrained": _estimate(columns, floor),
            "lost": estimate(probes.lost) if probes.lost else None,
            "grown": estimate(probes.grown) if probes.grown else None,
            "tells": estimate(probes.tells) if probes.tells else None,
            "longer": [estimate(step) for step in probes.longer],
            "longer_alone": [columns.estimate(name) for name in _longer(columns, m)],
            "fitted": probes.fitted,
        },
        "kept": _kept(columns, fused, own, floor),
        "chance": columns.mean(CHANCE),
    }


def _estimate(columns: Columns, name: str) -> Json | None:
    """The estimate of a column, None where it is not there."""
    return columns.estimate(name) if name in columns else None


def _kept(columns: Columns, fused: str, own: str, floor: str) -> float | None:
    """Share that the fused training gives of what training alone adds to the untrained encoder.

    None without a floor, or where training alone is not shown to add a point.
    """
    if not all(name in columns for name in (fused, own, floor)):
        return None
    added = columns.interval(own, floor)
    if added.mean < 0.01 or not is_above(added):
        return None
    return columns.interval(fused, floor).mean / added.mean


def _cost(case: Case, columns: Columns) -> Json:
    """The model's accuracy, and what each simple alternative is ahead by."""
    own = f"accuracy/{case.row}"
    rivals = [name for name in case.fused if f"accuracy/{name}" in columns]
    singles = [alone_row(m) for m in case.modalities if f"accuracy/{alone_row(m)}" in columns]
    best = max(singles, key=lambda name: columns.mean(f"accuracy/{name}"), default=None)
    return {
        "accuracy": columns.estimate(own),
        "above_chance": columns.estimate(own, CHANCE),
        "ahead": {
            name: {
                "accuracy": columns.estimate(f"accuracy/{name}"),
                "difference": columns.estimate(f"accuracy/{name}", own),
            }
            for name in [*rivals, *([best] if best else [])]
            if name != case.row
        },
        "best_alone": best,
    }
