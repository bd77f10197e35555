"""What the model's right answers rest on: Shapley values of its modalities, in all and by class."""

from __future__ import annotations

import numpy as np

from equimodal.comparison.words import ABSENT, percent, points
from equimodal.report.charts.chart_numbers import Table, seed_table
from equimodal.report.charts.class_chart import class_marks
from equimodal.report.charts.figures import (
    Mark,
    Panel,
    RowChart,
    bar_axis,
    by_value,
    colour,
    widest,
)
from equimodal.report.read.diagnosis import Diagnosis, entry, estimate, estimates, numbers
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import Difference, finite, modalities, with_interval

_POINTS = "points of accuracy"


def overall_chart(results: Results, diagnosis: Diagnosis) -> RowChart | None:
    """Points of accuracy that each modality brings, with their intervals."""
    names = modalities(results)
    every = estimates(diagnosis, "measures", "shapley", "accuracy")
    found = {m: every[m] for m in names if m in every}
    if not found:
        return None
    marks = {m: [_bar(m, value, colour(names.index(m)))] for m, value in found.items()}
    return RowChart(
        "What the accuracy rests on",
        by_value({m: value.mean for m, value in found.items()}),
        [Panel(bar_axis(_POINTS, marks, zero=True), marks)],
        seed_table(found, {}, points),
        {m: points(value.mean) for m, value in found.items()},
        chosen=False,
    )


def _bar(modality: str, value: Difference, colour_name: str) -> Mark:
    low, high = (None if end is None else 100 * end for end in (value.low, value.high))
    said = f"{modality}: {with_interval(value)} points"
    return Mark(100 * value.mean, colour_name, said, "bar", low, high)


def class_reliance_chart(results: Results, diagnosis: Diagnosis) -> RowChart | None:
    """Points of accuracy that each modality brings to every class."""
    names, classes = modalities(results), list(results["data"].get("classes", ()))
    values = {
        m: np.array([finite(value) for value in found], np.float64)
        for m in names
        if isinstance(found := entry(diagnosis, "measures", "shapley", "per_class", m), list)
        and len(found) == len(classes)
    }
    known = [i for i in range(len(classes)) if not all(np.isnan(v[i]) for v in values.values())]
    if not known:
        return None
    kept = widest(values.values(), known)
    of_many = f", {len(kept)} of {len(classes)}" if len(kept) < len(classes) else ""
    colours = {m: colour(names.index(m)) for m in values}
    marks = class_marks(values, classes, kept, colours, "points")
    lines = [(name, *(_cell(v[i]) for v in values.values())) for i, name in enumerate(classes)]
    return RowChart(
        f"What every class rests on{of_many}",
        [classes[i] for i in kept],
        [Panel(bar_axis(_POINTS, marks, zero=True), marks)],
        Table(("class", *values), lines),
        chosen=False,
    )


def _cell(value: float) -> str:
    return ABSENT if np.isnan(value) else points(value)


def interaction_table(diagnosis: Diagnosis) -> Table:
    """Synergy and redundancy of every pair of modalities, in points of accuracy."""
    pairs = entry(diagnosis, "measures", "shapley", "interaction", "accuracy")
    lines = []
    for pair in pairs if isinstance(pairs, list) else []:
        value, names = estimate(pair), entry(pair, "pair")
        if value is not None and isinstance(names, list):
            lines.append((" and ".join(map(str, names)), with_interval(value), _meaning(value)))
    return Table(("modalities", "interaction, points", "meaning"), lines)


def _meaning(value: Difference) -> str:
    if value.sign == 0:
        return "neither is shown"
    return "synergy: they need each other" if value.sign > 0 else "redundancy: they tell the same"


def drop_table(results: Results, diagnosis: Diagnosis) -> Table:
    """Accuracy that is lost when one modality is disturbed, in points."""
    drops = {
        name: found
        for name in ("removed", "shuffled", "noised")
        if (found := numbers(diagnosis, "measures", "drop", name))
    }
    lines = [
        (m, *(percent(found.get(m)) for found in drops.values()))
        for m in modalities(results)
        if any(m in found for found in drops.values())
    ]
    return Table(("modality", *(f"{name}, points lost" for name in drops)), lines if drops else [])
