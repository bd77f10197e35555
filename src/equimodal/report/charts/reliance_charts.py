"""What the model's right answers rest on: Shapley values of its modalities, in all and by class."""

from __future__ import annotations

import numpy as np

from equimodal.comparison.words import ABSENT, percent, points
from equimodal.report.charts.chart_numbers import Table, seed_table
from equimodal.report.charts.class_chart import class_dots
from equimodal.report.charts.figures import (
    BARS,
    Chart,
    colour,
    interval_bars,
    over_rows,
    row_chart,
    widest,
    zero_axis,
)
from equimodal.report.read.diagnosis import Diagnosis, entry, estimate, estimates, numbers
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import Difference, finite, modalities, with_interval


def overall_chart(results: Results, diagnosis: Diagnosis) -> Chart | None:
    """Points of accuracy that each modality brings, with their intervals."""
    names = modalities(results)
    every = estimates(diagnosis, "measures", "shapley", "accuracy")
    found = {m: every[m] for m in names if m in every}
    if not found:
        return None
    label = ", ".join(f"{m} {with_interval(value)}" for m, value in found.items())
    return row_chart(
        "What the accuracy rests on",
        f"Shapley values of the accuracy in points: {label}",
        [
            over_rows(
                BARS,
                found,
                [100 * value.mean for value in found.values()],
                {"color": [colour(names.index(m)) for m in found]},
                "%{y}: %{x:.1f} points",
                error_x=interval_bars(found.values()),
            )
        ],
        zero_axis("points of accuracy"),
        list(found),
        seed_table(found, {}, points),
        bargap=0.4,
    )


def class_reliance_chart(results: Results, diagnosis: Diagnosis) -> Chart | None:
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
    shown = widest(values.values(), known)
    kept = [classes[i] for i in shown]
    of_many = f", {len(shown)} of {len(classes)}" if len(shown) < len(classes) else ""
    lines = [(name, *(_cell(v[i]) for v in values.values())) for i, name in enumerate(classes)]
    return row_chart(
        f"What every class rests on{of_many}",
        f"Shapley values of the accuracy of every class in points, for {', '.join(values)}",
        [
            class_dots(m, found[shown], kept, colour(names.index(m)), "points")
            for m, found in values.items()
        ],
        zero_axis("points of accuracy"),
        kept,
        Table(("class", *values), lines),
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
