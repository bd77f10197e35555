"""Charts of the linear probe: what every row left in one modality's encoder."""

from __future__ import annotations

from equimodal.comparison.rows import JOINT, UNTRAINED, alone_row
from equimodal.comparison.words import mean_and_sd, percent
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import (
    BARS,
    Chart,
    Trace,
    axis,
    colour,
    error_bars,
    over_rows,
    row_chart,
)
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import group, modalities, ordered_rows, spread


def probe_charts(results: Results) -> list[Chart]:
    """One bar chart per modality, with lines at the untrained and the alone-trained encoder."""
    charts = (_chart(results, index, m) for index, m in enumerate(modalities(results)))
    return [chart for chart in charts if chart is not None]


def _chart(results: Results, index: int, modality: str) -> Chart | None:
    found = {
        row: (mean, sd)
        for row in ordered_rows(results)
        for mean, sd in [spread(results, row, "probe_accuracy", modality)]
        if mean is not None
    }
    if not found:
        return None
    rows = list(found)
    marks = {row: _mark(results, row, index) for row in rows}
    label = ", ".join(f"{row} {percent(mean)} %" for row, (mean, _) in found.items())
    references = {UNTRAINED: "dot", alone_row(modality): "dash"}
    lines = [
        _reference(100 * mean, dash)
        for row, dash in references.items()
        if (mean := found.get(row, (None, None))[0]) is not None
    ]
    return row_chart(
        modality,
        f"Linear probe of the {modality} encoder: {label}",
        [_bars(found, [marks[row] for row in rows])],
        axis("percent", rangemode="tozero"),
        rows,
        Table(("row", "percent ± sd"), [(row, mean_and_sd(*found[row])) for row in rows]),
        shapes=lines,
        bargap=0.35,
    )


def _mark(results: Results, row: str, index: int) -> str:
    if row == JOINT:
        return "--ink"
    return colour(index) if group(results, row) == "methods" else "--muted"


def _bars(found: dict[str, tuple[float, float | None]], colours: list[str]) -> Trace:
    return over_rows(
        BARS,
        found,
        [100 * mean for mean, _ in found.values()],
        {"color": colours},
        "%{y}: %{x:.1f} %",
        text=[percent(mean) for mean, _ in found.values()],
        textposition="inside",
        insidetextanchor="start",
        textfont={"color": "--paper"},
        error_x=error_bars([sd for _, sd in found.values()]),
    )


def _reference(value: float, dash: str) -> Trace:
    return {
        "type": "line",
        "x0": value,
        "x1": value,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": "--ink", "width": 1.3, "dash": dash},
    }
