"""Charts over the epochs: validation accuracy of every modality, and what a method decided."""

from __future__ import annotations

from collections.abc import Iterable

from equimodal import methods
from equimodal.comparison.rows import JOINT, alone_row
from equimodal.comparison.words import number
from equimodal.report.charts.chart_numbers import band_table
from equimodal.report.charts.figures import (
    Chart,
    Trace,
    axis,
    colour,
    epoch_axis,
    layout,
    line,
    shade,
)
from equimodal.report.read.history import FUSED, Band, History, decisions, score_curves
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import group, main_words, modalities, ordered_rows, rows_in

_SHARE = "gradient_share"
MEASURES = {
    "score": "score of its own prediction",
    _SHARE: "share of the gradient's norm",
    "gradient_norm": "norm of the gradient",
    "conflict": "cosine of fused and own gradient",
}


def curve_charts(results: Results, history: History) -> list[Chart]:
    """One chart per row that trains several modalities together, all on the same scale."""
    curves = {row: score_curves(results, history, row) for row in ordered_rows(results)}
    references = {
        m: bands[FUSED]
        for m in modalities(results)
        if FUSED in (bands := curves.get(alone_row(m), {}))
    }
    shown = {
        row: bands
        for row, bands in curves.items()
        if bands and group(results, row) not in ("floor", "alone")
    }
    drawn = [band for bands in shown.values() for band in bands.values()]
    limits = _limits([*drawn, *references.values()])
    return [_curve_chart(results, row, shown[row], references, limits) for row in shown]


def _limits(bands: Iterable[Band]) -> list[float]:
    values = [value for band in bands for value in (*band.low, *band.high)]
    return [max(0.0, min(values) - 3), min(100.0, max(values)) + 3] if values else [0.0, 100.0]


def _curve_chart(
    results: Results,
    row: str,
    bands: dict[str, Band],
    references: dict[str, Band],
    limits: list[float],
) -> Chart:
    names = modalities(results)
    alone = {f"{m} alone": band for m, band in references.items()}
    dotted = [line(references[m], colour(names.index(m)), f"{m} alone", "dot") for m in references]
    ends = ", ".join(f"{name} {band.mean[-1]:.1f} %" for name, band in bands.items())
    label = f"Validation {main_words(results)} of {row} over the epochs; in the last one {ends}"
    drawn = layout(epoch_axis(bands.values()), axis(range=limits))
    data = [*dotted, *_shaded_lines(results, bands)]
    return Chart(row, label, data, drawn, 165, band_table(bands | alone, ".1f"))


def _shaded_lines(results: Results, bands: dict[str, Band]) -> list[Trace]:
    """The mean of every band over its range, in the colour of its modality."""
    colours = {m: colour(index) for index, m in enumerate(modalities(results))} | {FUSED: "--ink"}
    marks = {name: colours.get(name, "--muted") for name in bands}
    return [
        trace
        for name, band in bands.items()
        for trace in (shade(band, marks[name]), line(band, marks[name], name))
    ]


def decision_charts(
    results: Results, history: History, row: str
) -> tuple[list[Chart], dict[str, float]]:
    """One chart per decision of a row, and the decisions that never changed with their value."""
    charts: list[Chart] = []
    constant: dict[str, float] = {}
    for name, bands in decisions(history, row).items():
        lowest = min(min(band.low) for band in bands.values())
        highest = max(max(band.high) for band in bands.values())
        if highest - lowest <= 1e-9 * max(1.0, abs(highest)):
            constant[_title(row, name)] = highest
        else:
            charts.append(_decision_chart(results, row, _title(row, name), bands))
    return charts, constant


def gradient_charts(results: Results, history: History) -> tuple[list[Chart], list[Chart]]:
    """What was measured of the gradients of joint, and of other rows the modalities' shares."""
    shares = []
    for row in rows_in(results, ("baselines", "methods")):
        measured = decisions(history, row, "diagnosis")
        if row != JOINT and (bands := measured.get(_SHARE)):
            shares.append(_decision_chart(results, row, row, bands))
    joint = decisions(history, JOINT, "diagnosis")
    titled = [(MEASURES.get(name, name.replace("_", " ")), bands) for name, bands in joint.items()]
    return [_decision_chart(results, JOINT, title, bands) for title, bands in titled], shares


def _title(row: str, name: str) -> str:
    """What a decision is called, by the registry where it says."""
    known = methods.entry(row).records if methods.known(row) else {}
    return known.get(name, name.replace("_", " "))


def _decision_chart(results: Results, row: str, title: str, bands: dict[str, Band]) -> Chart:
    ends = ", ".join(
        f"{m} from {number(b.mean[0], '.3g')} to {number(b.mean[-1], '.3g')}"
        for m, b in bands.items()
    )
    label = f"{row}: {title} over the epochs, {ends}"
    drawn = layout(epoch_axis(bands.values()), axis())
    data = _shaded_lines(results, bands)
    return Chart(title, label, data, drawn, 150, band_table(bands, ".3g"))
