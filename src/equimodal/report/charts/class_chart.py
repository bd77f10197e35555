"""What is recognised of every class: by the fused model, and by each modality trained alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equimodal.comparison.rows import alone_row
from equimodal.report.charts.figures import (
    Chart,
    Trace,
    axis,
    colour,
    escaped,
    layout,
    row_axis,
    row_height,
)
from equimodal.report.read.knowledge import class_accuracy, class_table
from equimodal.report.read.predictions import Predictions, alone_rows, fused_row
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import modalities

MOST = 25
"""Classes in the chart; of more, those in which the rows differ most."""

Rates = dict[str, NDArray[np.float64]]


def class_chart(results: Results, predictions: Predictions) -> Chart | None:
    """One line per class with a dot for the fused model and for each modality trained alone."""
    names, fused = list(results["data"].get("classes", ())), fused_row(results, predictions)
    if fused is None or len(names) < 2:
        return None
    rows = [*alone_rows(results, predictions).values(), fused]
    rates = {row: class_accuracy(predictions[row], len(names)) for row in rows}
    shown = _shown(rates, len(names))
    kept = [names[i] for i in shown]
    marks = {alone_row(m): colour(i) for i, m in enumerate(modalities(results))} | {fused: "--ink"}
    title = "Recognised of every class"
    if len(shown) < len(names):
        title = f"Recognised of the {len(shown)} classes that differ most, of {len(names)}"
    return Chart(
        title,
        f"{title}, in percent, by {', '.join(rows)}; the numbers are in the table below",
        [_dots(row, [rates[row][i] for i in shown], kept, marks[row]) for row in rows],
        layout(axis("percent"), row_axis(kept)),
        row_height(kept),
        class_table(names, rates),
    )


def _shown(rates: Rates, classes: int) -> list[int]:
    """The classes in the chart, in their order."""
    table = np.stack(list(rates.values()))
    spread = np.nan_to_num(table.max(0) - table.min(0), nan=-1.0)
    return sorted(sorted(range(classes), key=lambda i: (-spread[i], i))[:MOST])


def _dots(row: str, values: list[float], names: list[str], mark: str) -> Trace:
    known = [(100 * v, escaped(n)) for v, n in zip(values, names, strict=True) if not np.isnan(v)]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [value for value, _ in known],
        "y": [name for _, name in known],
        "marker": {"color": mark, "size": 10, "opacity": 0.85},
        "hovertemplate": f"{escaped(row)}, %{{y}}: %{{x:.1f}} %<extra></extra>",
    }
