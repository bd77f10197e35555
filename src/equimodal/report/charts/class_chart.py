"""What is recognised of every class: by the fused model, and by each modality trained alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from equimodal.comparison.rows import alone_row
from equimodal.report.charts.figures import Axis, Mark, Panel, RowChart, colour, widest
from equimodal.report.read.knowledge import class_accuracy, class_table
from equimodal.report.read.predictions import Predictions, alone_rows, fused_row
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import modalities

Marks = dict[str, list[Mark]]


def class_chart(results: Results, predictions: Predictions) -> RowChart | None:
    """One line per class with a dot for the fused model and for each modality trained alone."""
    names, fused = list(results["data"].get("classes", ())), fused_row(results, predictions)
    if fused is None or len(names) < 2:
        return None
    rows = [*alone_rows(results, predictions).values(), fused]
    rates = {row: class_accuracy(predictions[row], len(names)) for row in rows}
    kept = widest(rates.values(), range(len(names)))
    marks = {alone_row(m): colour(i) for i, m in enumerate(modalities(results))} | {fused: "--ink"}
    title = "Recognised of every class"
    if len(kept) < len(names):
        title = f"Recognised of the {len(kept)} classes that differ most, of {len(names)}"
    axis = Axis("percent of its test samples", -3, 103)
    return RowChart(
        title,
        [names[i] for i in kept],
        [Panel(axis, class_marks(rates, names, kept, marks, "%"))],
        class_table(names, rates),
        chosen=False,
    )


def class_marks(
    values: Mapping[str, NDArray[np.float64]],
    names: Sequence[str],
    kept: Sequence[int],
    colours: Mapping[str, str],
    unit: str,
) -> Marks:
    """A dot of each of several (C,) fractions, for every class of which something is known."""
    return {
        names[i]: [
            Mark(100 * float(v[i]), colours[name], f"{name}, {names[i]}: {100 * v[i]:.1f} {unit}")
            for name, v in values.items()
            if not np.isnan(v[i])
        ]
        for i in kept
    }
