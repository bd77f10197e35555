"""Charts of the linear probe: what every row left in one modality's encoder."""

from __future__ import annotations

from equimodal.comparison.rows import JOINT, UNTRAINED, alone_row
from equimodal.comparison.words import mean_and_sd, percent
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import (
    Mark,
    Panel,
    RowChart,
    bar_axis,
    by_value,
    colour,
)
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import group, main_words, modalities, ordered_rows, spread


def probe_charts(results: Results) -> list[RowChart]:
    """One bar chart per modality, with lines at the untrained and the alone-trained encoder."""
    charts = (_chart(results, index, m) for index, m in enumerate(modalities(results)))
    return [chart for chart in charts if chart is not None]


def _chart(results: Results, index: int, modality: str) -> RowChart | None:
    found = {
        row: (mean, sd)
        for row in ordered_rows(results)
        for mean, sd in [spread(results, row, "probe_accuracy", modality)]
        if mean is not None
    }
    if not found:
        return None
    marks = {row: [_bar(results, row, index, *told)] for row, told in found.items()}
    references = [
        (100 * found[row][0], dash)
        for row, dash in {UNTRAINED: "1 4", alone_row(modality): "6 4"}.items()
        if row in found
    ]
    rows = by_value({row: mean for row, (mean, _) in found.items()})
    axis = bar_axis(f"{main_words(results)} of a linear probe, percent", marks)
    return RowChart(
        modality,
        rows,
        [Panel(axis, marks, references)],
        Table(("row", "percent ± sd"), [(row, mean_and_sd(*found[row])) for row in rows]),
        {row: percent(mean) for row, (mean, _) in found.items()},
    )


def _bar(results: Results, row: str, index: int, mean: float, sd: float | None) -> Mark:
    said = f"{row}: {mean_and_sd(mean, sd)} %"
    low, high = (None, None) if sd is None else (100 * (mean - sd), 100 * (mean + sd))
    return Mark(100 * mean, _mark(results, row, index), said, "bar", low, high)


def _mark(results: Results, row: str, index: int) -> str:
    if row == JOINT:
        return "--ink"
    return colour(index) if group(results, row) == "methods" else "--muted"
