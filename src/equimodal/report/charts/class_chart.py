"""What is recognised of every class: by the fused model, and by each modality trained alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equimodal.comparison.rows import alone_row
from equimodal.report.charts.figures import (
    DOTS,
    Chart,
    Trace,
    axis,
    colour,
    escaped,
    over_rows,
    row_chart,
    widest,
)
from equimodal.report.read.knowledge import class_accuracy, class_table
from equimodal.report.read.predictions import Predictions, alone_rows, fused_row
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import modalities


def class_chart(results: Results, predictions: Predictions) -> Chart | None:
    """One line per class with a dot for the fused model and for each modality trained alone."""
    names, fused = list(results["data"].get("classes", ())), fused_row(results, predictions)
    if fused is None or len(names) < 2:
        return None
    rows = [*alone_rows(results, predictions).values(), fused]
    rates = {row: class_accuracy(predictions[row], len(names)) for row in rows}
    shown = widest(rates.values(), range(len(names)))
    kept = [names[i] for i in shown]
    marks = {alone_row(m): colour(i) for i, m in enumerate(modalities(results))} | {fused: "--ink"}
    title = "Recognised of every class"
    if len(shown) < len(names):
        title = f"Recognised of the {len(shown)} classes that differ most, of {len(names)}"
    return row_chart(
        title,
        f"{title}, in percent, by {', '.join(rows)}; the numbers are in the table below",
        [class_dots(row, rates[row][shown], kept, marks[row], "%") for row in rows],
        axis("percent"),
        kept,
        class_table(names, rates),
    )


def class_dots(
    name: str, values: NDArray[np.float64], classes: Sequence[str], mark: str, unit: str
) -> Trace:
    """A dot for every class of which something is known: (C,), fractions."""
    known = [i for i, value in enumerate(values) if not np.isnan(value)]
    return over_rows(
        DOTS,
        [classes[i] for i in known],
        [100 * float(values[i]) for i in known],
        {"color": mark, "size": 10, "opacity": 0.85},
        f"{escaped(name)}, %{{y}}: %{{x:.1f}} {unit}",
    )
