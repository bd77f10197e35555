"""The overview on top of the page: the verdict, what it costs, what to try."""

from __future__ import annotations

from collections.abc import Iterator

from equimodal.comparison.words import ABSENT, percent
from equimodal.diagnosis.rules import NO_PROMISE, UNDER_TRAINED
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import colour
from equimodal.report.page.rendering import Section
from equimodal.report.page.tiles import Tile, bar
from equimodal.report.read.diagnosis import Diagnosis, entry, estimate, mapping, texts
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import Difference, finite, modalities, with_interval

MOST_AHEAD, MOST_ADVISED = 4, 3
"""Rows that are shown of what a verdict costs, and pieces of advice before a reader asks for more.
"""


def verdict(results: Results, diagnosis: Diagnosis | None) -> Section | None:
    """The section; None without a diagnosis."""
    if diagnosis is None:
        return None
    words = mapping(diagnosis, "verdict", "modalities")
    advised = entry(diagnosis, "advice")
    tips = advised if isinstance(advised, list) else []
    content = {
        "state": str(entry(diagnosis, "verdict", "headline") or "no verdict"),
        "tiles": [
            _tile(m, colour(i), words[m]) for i, m in enumerate(modalities(results)) if m in words
        ],
        "cost": _cost(diagnosis),
        "more_cost": len(mapping(diagnosis, "verdict", "cost", "ahead")) - MOST_AHEAD,
        "advice": [
            (str(entry(tip, "method") or "apart from methods"), _reason(tip)) for tip in tips
        ],
        "most": MOST_ADVISED,
        "no_promise": NO_PROMISE if any(entry(tip, "method") for tip in tips) else "",
        "notes": _notes(results, diagnosis),
        "printed": "\n".join(texts(diagnosis, "text")),
    }
    return Section("verdict", "The verdict", "verdict.html", content)


def _tile(modality: str, colour_name: str, found: object) -> Tile:
    """A modality's word, and the probes that it follows from."""
    word = entry(found, "word")
    fused, alone, floor = (
        finite(entry(found, "probe", name, "value")) for name in ("fused", "alone", "untrained")
    )
    pieces = [] if fused is None else list(bar(fused, alone, floor))
    lines = list(_probes(found))
    return Tile(modality, colour_name, lines, pieces, str(word or ""), word == UNDER_TRAINED)


def _probes(found: object) -> Iterator[str]:
    fused, alone, untrained, lost = (
        _probe(found, name) for name in ("fused", "alone", "untrained", "lost")
    )
    if fused is not None:
        beside = f", {percent(alone.mean)} trained alone" if alone else ""
        floor = f", {percent(untrained.mean)} untrained" if untrained else ""
        yield f"linear probe {percent(fused.mean)} %{beside}{floor}"
    if lost is not None:
        yield f"lost {with_interval(lost, percent)} points"
    if told := entry(found, "told"):
        yield str(told)


def _probe(found: object, name: str) -> Difference | None:
    return estimate(entry(found, "probe", name))


def _cost(diagnosis: Diagnosis) -> Table:
    """The diagnosed model beside those that it is held against; of many those furthest ahead."""
    own = estimate(entry(diagnosis, "verdict", "cost", "accuracy"))
    row = str(entry(diagnosis, "source", "row") or "the model")
    lines = [(row, with_interval(own, percent), ABSENT)] if own else []
    rivals = mapping(diagnosis, "verdict", "cost", "ahead")
    ordered = sorted(
        rivals, key=lambda name: -(finite(entry(rivals[name], "difference", "value")) or 0.0)
    )
    for name in ordered[:MOST_AHEAD] if len(rivals) > MOST_AHEAD else rivals:
        rival = rivals[name]
        accuracy, ahead = (estimate(entry(rival, key)) for key in ("accuracy", "difference"))
        if accuracy is not None:
            lines.append((name, with_interval(accuracy, percent), with_interval(ahead)))
    return Table(("what it costs", "accuracy, %", f"points ahead of {row}"), lines)


def _reason(tip: object) -> str:
    """Why a method fits, and the rows that show what its own idea does."""
    controls = ", ".join(texts(tip, "controls"))
    reason = str(entry(tip, "reason") or "")
    return f"{reason}; to be held against {controls}" if controls else reason


def _notes(results: Results, diagnosis: Diagnosis) -> list[str]:
    """What a reader must know, without the note on the data that stands above."""
    return [note for note in texts(diagnosis, "notes") if note != results["data"].get("note")]
