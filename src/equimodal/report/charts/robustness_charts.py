"""What is left of the score of every row as one modality fades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from equimodal.comparison.rows import JOINT
from equimodal.comparison.words import percent, points
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import GROUP_COLOURS, Axis, around
from equimodal.report.charts.lines import Line, LineChart, traced
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import (
    difference_of,
    finite,
    group,
    main_name,
    main_words,
    modalities,
    ordered_rows,
    with_interval,
)

Curve = Mapping[str, Any]
_LEAST = -100.0
"""R2 has no lower end; what lies below is drawn at it."""


_NUMBERS = {"relative": percent, "relative_difference_to_joint": points, "effective": points}


def robustness_charts(results: Results) -> dict[str, list[LineChart]]:
    """Kind of corruption -> a chart for each modality, with a line for each row but the floor."""
    kept = {
        row: found
        for row in ordered_rows(results)
        if (found := results["summary"].get(row, {}).get("robustness"))
        and group(results, row) != "floor"
    }
    if not kept:
        return {}
    levels = next(iter(kept.values()))["levels"]
    rows = {row: found["curves"] for row, found in kept.items() if found["levels"] == levels}
    return {
        kind: [
            _chart(results, f"{m} {kind}", levels, {row: own[kind][m] for row, own in rows.items()})
            for m in modalities(results)
        ]
        for kind in next(iter(rows.values()))
    }


def _chart(
    results: Results, title: str, levels: Sequence[float], curves: Mapping[str, Curve]
) -> LineChart:
    heights = {row: _heights(curve) for row, curve in curves.items()}
    known = [value for own in heights.values() for value in own if value is not None]
    least = _LEAST if main_name(results) == "r2" else 0.0
    y = Axis(f"{main_words(results)}, percent", *around(known, 1.0, ends=(least, 100.0)))
    x = Axis("percent of it", 0.0, 100 * levels[-1])
    lines = [_line(results, row, _path(x, y, levels, own)) for row, own in heights.items()]
    ends = {row: own[-1] for row, own in heights.items() if own[-1] is not None}
    told = ", ".join(f"{row} {value:.1f} %" for row, value in ends.items())
    label = f"{title}: {main_words(results)} of every row as it fades; of {x.high:g} % {told}"
    return LineChart(title, label, x, y, lines, _table(levels, curves))


def _line(results: Results, row: str, path: str) -> Line:
    """Joint is told from the other baselines."""
    own = group(results, row)
    kind = "dotted" if own == "baselines" and row != JOINT else "line"
    return Line(row, GROUP_COLOURS[own], path, kind, row)


def _heights(curve: Curve) -> list[float | None]:
    """Percent at every level; None where it is not known."""
    means = [finite((one or {}).get("mean")) for one in curve["scores"]]
    return [None if mean is None else 100 * mean for mean in means]


def _path(x: Axis, y: Axis, levels: Sequence[float], heights: Sequence[float | None]) -> str:
    """Through the levels whose score is known; nothing where that is one."""
    pairs = zip(levels, heights, strict=True)
    known = [(100 * level, high) for level, high in pairs if high is not None]
    if len(known) < 2:
        return ""
    return traced(x, y, [level for level, _ in known], [high for _, high in known])


def _table(levels: Sequence[float], curves: Mapping[str, Curve]) -> Table:
    headings = (
        "row", *(f"{percent(level, digits=0)} %" for level in levels), "relative robustness",
        "minus joint", "effective robustness",
    )  # fmt: skip

    def line(row: str, curve: Curve) -> tuple[str, ...]:
        means = (percent(finite((one or {}).get("mean"))) for one in curve["scores"])
        found = [
            with_interval(difference_of(curve.get(key)), written)
            for key, written in _NUMBERS.items()
        ]
        return row, *means, *found

    return Table(headings, [line(row, curve) for row, curve in curves.items()])
