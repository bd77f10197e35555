"""What the model's right answers rest on: Shapley values of its modalities, in all and by class."""

from __future__ import annotations

from collections.abc import Mapping

from equimodal.comparison.words import ABSENT, percent, points
from equimodal.report.charts.chart_numbers import Table, seed_table
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
from equimodal.report.read.diagnosis import Diagnosis, entry, estimate, estimates, numbers
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import Difference, finite, modalities, with_interval

MOST = 25
"""Classes in the chart; of more, those in which the modalities differ most."""


def overall_chart(results: Results, diagnosis: Diagnosis) -> Chart | None:
    """Points of accuracy that each modality brings, with their intervals."""
    names = modalities(results)
    every = estimates(diagnosis, "measures", "shapley", "accuracy")
    found = {m: every[m] for m in names if m in every}
    if not found:
        return None
    label = ", ".join(f"{m} {with_interval(value)}" for m, value in found.items())
    zero = axis("points of accuracy", zeroline=True, zerolinecolor="--ink", zerolinewidth=1.5)
    return Chart(
        "What the accuracy rests on",
        f"Shapley values of the accuracy in points: {label}",
        [_bars(found, [colour(names.index(m)) for m in found])],
        layout(zero, row_axis(list(found)), bargap=0.4),
        row_height(list(found)),
        seed_table(found, {}, points),
    )


def _bars(found: Mapping[str, Difference], colours: list[str]) -> Trace:
    values = list(found.values())
    return {
        "type": "bar",
        "orientation": "h",
        "x": [100 * value.mean for value in values],
        "y": [escaped(m) for m in found],
        "marker": {"color": colours},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [0.0 if v.high is None else 100 * (v.high - v.mean) for v in values],
            "arrayminus": [0.0 if v.low is None else 100 * (v.mean - v.low) for v in values],
            "color": "--ink",
            "thickness": 1.2,
            "width": 4,
        },
        "hovertemplate": "%{y}: %{x:.1f} points<extra></extra>",
    }


def class_reliance_chart(results: Results, diagnosis: Diagnosis) -> Chart | None:
    """Points of accuracy that each modality brings to every class."""
    names, classes = modalities(results), list(results["data"].get("classes", ()))
    values = {
        m: [finite(value) for value in found]
        for m in names
        if isinstance(found := entry(diagnosis, "measures", "shapley", "per_class", m), list)
        and len(found) == len(classes)
    }
    shown = _shown(values, len(classes))
    if not shown:
        return None
    kept = [classes[i] for i in shown]
    of_many = f", {len(shown)} of {len(classes)}" if len(shown) < len(classes) else ""
    zero = axis("points of accuracy", zeroline=True, zerolinecolor="--ink", zerolinewidth=1.5)
    return Chart(
        f"What every class rests on{of_many}",
        f"Shapley values of the accuracy of every class in points, for {', '.join(values)}",
        [
            _dots(m, [found[i] for i in shown], kept, colour(names.index(m)))
            for m, found in values.items()
        ],
        layout(zero, row_axis(kept)),
        row_height(kept),
        Table(("class", *values), _class_lines(classes, values)),
    )


def _class_lines(
    classes: list[str], values: Mapping[str, list[float | None]]
) -> list[tuple[str, ...]]:
    return [
        (name, *(_cell(found[place]) for found in values.values()))
        for place, name in enumerate(classes)
    ]


def _shown(values: Mapping[str, list[float | None]], classes: int) -> list[int]:
    """The classes in the chart, in their order; none where nothing is known of any."""

    def spread(index: int) -> float:
        known = [found[index] for found in values.values()]
        present = [value for value in known if value is not None]
        return max(present) - min(present) if present else -1.0

    spreads = {index: spread(index) for index in range(classes)}
    known = [index for index, value in spreads.items() if value >= 0]
    return sorted(sorted(known, key=lambda index: (-spreads[index], index))[:MOST])


def _cell(value: float | None) -> str:
    return ABSENT if value is None else points(value)


def _dots(modality: str, values: list[float | None], names: list[str], mark: str) -> Trace:
    known = [(100 * v, escaped(n)) for v, n in zip(values, names, strict=True) if v is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [value for value, _ in known],
        "y": [name for _, name in known],
        "marker": {"color": mark, "size": 10, "opacity": 0.85},
        "hovertemplate": f"{escaped(modality)}, %{{y}}: %{{x:.1f}} points<extra></extra>",
    }


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
