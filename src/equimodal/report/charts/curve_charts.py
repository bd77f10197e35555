"""Charts over the epochs: scores, losses, learning rates, and what a method decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

from equimodal import methods
from equimodal.comparison.rows import JOINT, alone_row
from equimodal.comparison.words import number, some
from equimodal.report.charts.chart_numbers import band_table
from equimodal.report.charts.figures import Axis, around, colour
from equimodal.report.charts.lines import LineChart, band_chart
from equimodal.report.read.history import (
    FUSED,
    TRAINED,
    VALIDATED,
    Band,
    History,
    decisions,
    loss_curves,
    rate_curve,
    score_curves,
)
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import group, main_words, modalities, ordered_rows, rows_in

LOSS_COLOURS = {TRAINED: "--muted", FUSED: "--ink", VALIDATED: "--down"}
_SHARE = "gradient_share"
MEASURES = {
    "score": "score of its own prediction",
    _SHARE: "share of the gradient's norm",
    "gradient_norm": "norm of the gradient",
    "conflict": "cosine of fused and own gradient",
}


def curve_charts(results: Results, history: History) -> list[LineChart]:
    """One chart per row that trains several modalities together, all on the same scale."""
    curves = {row: score_curves(results, history, row) for row in ordered_rows(results)}
    references = {
        m: bands[FUSED]
        for m in modalities(results)
        if FUSED in (bands := curves.get(alone_row(m), {}))
    }
    shown = {row: bands for row, bands in curves.items() if bands and _is_fused(results, row)}
    drawn = [band for bands in shown.values() for band in bands.values()]
    y = Axis("percent", *_limits([*drawn, *references.values()]))
    return [_curve_chart(results, row, shown[row], references, y) for row in shown]


def _is_fused(results: Results, row: str) -> bool:
    return group(results, row) not in ("floor", "alone")


def _limits(bands: Iterable[Band]) -> tuple[float, float]:
    """Ends around all values; of R2, which has no least one, from -100 on where some are above."""
    values = [value for band in bands for value in (*band.low, *band.high)]
    if not values:
        return 0.0, 100.0
    low, high = min(values) - 3, min(100.0, max(values)) + 3
    floor = 0.0 if min(values) >= 0 else -100.0
    return max(floor, low) if high > floor else low, high


def _curve_chart(
    results: Results, row: str, bands: dict[str, Band], references: dict[str, Band], y: Axis
) -> LineChart:
    names = modalities(results)
    drawn = {
        f"{m} alone": (band, colour(names.index(m)), "dotted") for m, band in references.items()
    } | _coloured(results, bands)
    ends = ", ".join(f"{name} {band.mean[-1]:.1f} %" for name, band in bands.items())
    label = f"Validation {main_words(results)} of {row} over the epochs; in the last one {ends}"
    return band_chart(row, label, y, drawn, band_table(bands, ".1f"), row)


def _coloured(results: Results, bands: Mapping[str, Band]) -> dict[str, tuple[Band, str, str]]:
    """Every band in the colour of its modality."""
    colours = {m: colour(index) for index, m in enumerate(modalities(results))} | {FUSED: "--ink"}
    return {name: (band, colours.get(name, "--muted"), "line") for name, band in bands.items()}


def loss_charts(results: Results, history: History) -> list[LineChart]:
    """One chart per row: the loss that it trains, and that of the fused prediction."""
    return [
        _loss_chart(row, bands)
        for row in ordered_rows(results)
        if _is_fused(results, row) and (bands := loss_curves(history, row))
    ]


def _loss_chart(row: str, bands: dict[str, Band]) -> LineChart:
    highest = max(max(band.high) for band in bands.values())
    lowest = min(0.0, *(min(band.low) for band in bands.values()))
    drawn = {name: (band, LOSS_COLOURS[name], "line") for name, band in bands.items()}
    ends = ", ".join(f"{name} {number(band.mean[-1], '.3g')}" for name, band in bands.items())
    label = f"Losses of {row} over the epochs; in the last one {ends}"
    y = Axis("loss", lowest, highest + 0.03 * (highest - lowest) or 1.0)
    return band_chart(row, label, y, drawn, band_table(bands, ".3g"), row)


def rate_charts(results: Results, history: History) -> list[LineChart]:
    """The learning rate over the epochs: a chart for each course of it, with the rows of it."""
    courses: dict[tuple[float, ...], tuple[Band, list[str]]] = {}
    for row in ordered_rows(results):
        band = rate_curve(history, row)
        if band is not None:
            courses.setdefault(tuple(band.mean), (band, []))[1].append(row)
    return [_rate_chart(band, rows) for band, rows in courses.values()]


def _rate_chart(band: Band, rows: list[str]) -> LineChart:
    told = some(rows)
    y = Axis("learning rate", 0.0, 1.05 * max(band.high) or 1.0)
    label = (
        f"Learning rate of {told} over the epochs, from {band.mean[0]:.3g} to {band.mean[-1]:.3g}"
    )
    drawn = {"learning rate": (band, "--ink", "line")}
    return band_chart(told, label, y, drawn, band_table({"learning rate": band}, ".3g"))


def decision_charts(
    results: Results, history: History, row: str
) -> tuple[list[LineChart], dict[str, float]]:
    """One chart per decision of a row, and the decisions that never changed with their value."""
    charts: list[LineChart] = []
    constant: dict[str, float] = {}
    for name, bands in decisions(history, row).items():
        lowest = min(min(band.low) for band in bands.values())
        highest = max(max(band.high) for band in bands.values())
        if highest - lowest <= 1e-9 * max(1.0, abs(highest)):
            constant[_title(row, name)] = highest
        else:
            charts.append(_decision_chart(results, row, _title(row, name), bands))
    return charts, constant


def gradient_charts(results: Results, history: History) -> tuple[list[LineChart], list[LineChart]]:
    """What was measured of the gradients of joint, and of other rows the modalities' shares."""
    shares = []
    for row in rows_in(results, ("baselines", "methods")):
        measured = decisions(history, row, "diagnosis")
        if row != JOINT and (bands := measured.get(_SHARE)):
            shares.append(replace(_decision_chart(results, row, row, bands), row=row))
    joint = decisions(history, JOINT, "diagnosis")
    titled = [(MEASURES.get(name, name.replace("_", " ")), bands) for name, bands in joint.items()]
    return [_decision_chart(results, JOINT, title, bands) for title, bands in titled], shares


def _title(row: str, name: str) -> str:
    """What a decision is called, by the registry where it says."""
    known = methods.entry(row).records if methods.known(row) else {}
    return known.get(name, name.replace("_", " "))


def _decision_chart(results: Results, row: str, title: str, bands: dict[str, Band]) -> LineChart:
    ends = ", ".join(
        f"{m} from {number(b.mean[0], '.3g')} to {number(b.mean[-1], '.3g')}"
        for m, b in bands.items()
    )
    label = f"{row}: {title} over the epochs, {ends}"
    values = [value for band in bands.values() for value in (*band.low, *band.high)]
    y = Axis("mean of an epoch", *around(values, 1e-9, ends=(-inf, inf)))
    return band_chart(title, label, y, _coloured(results, bands), band_table(bands, ".3g"))
