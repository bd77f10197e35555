"""The overview on top of the page: the verdict, how sure it is, what it costs, what to try."""

from __future__ import annotations

from collections.abc import Iterator

from equimodal.diagnosis.rules import NO_PROMISE, UNDER_TRAINED, is_sure
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import colour
from equimodal.report.charts.meters import bar
from equimodal.report.page import markup
from equimodal.report.page.markup import text
from equimodal.report.read.diagnosis import Diagnosis, entry, estimate, mapping, texts
from equimodal.report.read.numbers import ABSENT, percent, with_interval
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import Difference, finite, modalities


def verdict(results: Results, diagnosis: Diagnosis | None) -> str:
    """The section, empty without a diagnosis."""
    if diagnosis is None:
        return ""
    words = mapping(diagnosis, "verdict", "modalities")
    tiles = "".join(
        _tile(m, colour(i), words[m]) for i, m in enumerate(modalities(results)) if m in words
    )
    return markup.section(
        "verdict",
        "The verdict",
        _state(diagnosis),
        f'<div class="meters">{tiles}</div>' if tiles else "",
        _cost(diagnosis),
        _advice(diagnosis),
        markup.items(_notes(results, diagnosis), "quiet"),
        _printed(diagnosis),
    )


def _state(diagnosis: Diagnosis) -> str:
    state = entry(diagnosis, "verdict", "state")
    if state is None:
        return markup.paragraph(
            "No verdict: it takes every modality trained alone (the rows alone:*).", "state"
        )
    starved = [
        m
        for m, found in mapping(diagnosis, "verdict", "modalities").items()
        if entry(found, "word") == UNDER_TRAINED
    ]
    named = f"{state}: {', '.join(starved)}" if state == UNDER_TRAINED and starved else str(state)
    sure = _sure(entry(diagnosis, "verdict", "sure"))
    return f'<p class="state">{text(named)}</p>{markup.paragraph(sure, "quiet") if sure else ""}'


def _sure(value: object) -> str:
    """How often the same word comes out of resampled seeds and samples."""
    share = finite(value)
    if share is None:
        return ""
    word = "sure" if is_sure(share) else "not sure"
    return f"{word}: {100 * share:.0f} % of resamplings agree"


def _tile(modality: str, colour_name: str, found: object) -> str:
    """A modality's word, and the probes that it follows from."""
    word = entry(found, "word")
    kind = "verdict bad" if word == UNDER_TRAINED else "verdict"
    badge = f'<span class="{kind}">{text(word)}</span>' if word else ""
    lines = [markup.paragraph(line) for line in _probes(found)]
    fused, alone, floor = (
        finite(entry(found, "probe", name, "value")) for name in ("fused", "alone", "untrained")
    )
    drawn = "" if fused is None else bar(fused, alone, floor)
    return (
        f'<div class="meter" style="--mark: var({colour_name})"><h3>{text(modality)}{badge}</h3>'
        f"{drawn}{''.join(lines)}</div>"
    )


def _probes(found: object) -> Iterator[str]:
    fused, alone, untrained, lost = (
        _probe(found, name) for name in ("fused", "alone", "untrained", "lost")
    )
    if fused is not None:
        beside = f", {percent(alone.mean)} trained alone" if alone else ""
        floor = f", {percent(untrained.mean)} untrained" if untrained else ""
        yield f"linear probe {percent(fused.mean)} %{beside}{floor}"
    if lost is not None:
        yield f"lost {_spanned(lost)} points"
    if sure := _sure(entry(found, "sure")):
        yield sure


def _probe(found: object, name: str) -> Difference | None:
    return estimate(entry(found, "probe", name))


def _spanned(value: Difference) -> str:
    if value.low is None or value.high is None:
        return percent(value.mean)
    return f"{percent(value.mean)} [{percent(value.low)}, {percent(value.high)}]"


def _cost(diagnosis: Diagnosis) -> str:
    """The diagnosed model beside those that it is held against."""
    own = estimate(entry(diagnosis, "verdict", "cost", "accuracy"))
    row = str(entry(diagnosis, "source", "row") or "the model")
    lines = [(row, _spanned(own), ABSENT)] if own else []
    for name, rival in mapping(diagnosis, "verdict", "cost", "ahead").items():
        accuracy, ahead = (estimate(entry(rival, key)) for key in ("accuracy", "difference"))
        if accuracy is not None:
            lines.append((name, _spanned(accuracy), with_interval(ahead)))
    if not lines:
        return ""
    table = Table(("what it costs", "accuracy, %", f"points ahead of {row}"), lines)
    return markup.small_table(table, "What it costs in accuracy")


def _advice(diagnosis: Diagnosis) -> str:
    tips = entry(diagnosis, "advice")
    found = [
        (str(entry(tip, "method") or "apart from methods"), _reason(tip))
        for tip in (tips if isinstance(tips, list) else [])
    ]
    if not found:
        return ""
    promise = any(entry(tip, "method") for tip in tips)
    return (
        f"<h3>What fits</h3>{markup.definitions(found)}"
        f"{markup.paragraph(NO_PROMISE, 'quiet') if promise else ''}"
    )


def _reason(tip: object) -> str:
    """Why a method fits, and the rows that show what its own idea does."""
    controls = ", ".join(texts(tip, "controls"))
    reason = str(entry(tip, "reason") or "")
    return f"{reason}; to be held against {controls}" if controls else reason


def _notes(results: Results, diagnosis: Diagnosis) -> list[str]:
    """What a reader must know, without the note on the data that stands above."""
    return [note for note in texts(diagnosis, "notes") if note != results["data"].get("note")]


def _printed(diagnosis: Diagnosis) -> str:
    lines = texts(diagnosis, "text")
    if not lines:
        return ""
    return markup.details("As equimodal diagnose prints it", markup.code("\n".join(lines)))
