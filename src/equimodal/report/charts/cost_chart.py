"""What a row costs against what it reaches: time of a training step, and its main score."""

from __future__ import annotations

from dataclasses import dataclass

from equimodal.comparison.rows import JOINT
from equimodal.comparison.scores import capitalised
from equimodal.comparison.words import ABSENT, duration, percent, points, ratio
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import GROUP_COLOURS, Chart, Trace, axis, escaped, layout
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import finite, group, main_words, rows_in, spread

_SIDES = ("bottom center", "top center")
_SHOWN = ("baselines", "controls", "methods")


@dataclass(frozen=True)
class Cost:
    """A row's cost and what it reaches: fractions, multiples of joint, seconds."""

    row: str
    ratio: float
    seconds: float | None
    accuracy: float


def costs(results: Results) -> list[Cost]:
    """Every row whose step was timed against joint, the cheapest first."""
    found = []
    for row in rows_in(results, _SHOWN):
        entry = results["summary"].get(row, {})
        times = finite(entry.get("step_time_ratio"))
        accuracy, _ = spread(results, row, "accuracy")
        if times is not None and accuracy is not None:
            found.append(Cost(row, times, finite(entry.get("seconds")), accuracy))
    return sorted(found, key=lambda cost: cost.ratio)


def undominated(found: list[Cost]) -> list[Cost]:
    """The rows that no cheaper row reaches, from the cheapest on."""
    kept: list[Cost] = []
    for cost in sorted(found, key=lambda cost: (cost.ratio, -cost.accuracy)):
        if not kept or cost.accuracy > kept[-1].accuracy:
            kept.append(cost)
    return kept


def cost_chart(results: Results) -> Chart | None:
    """Score on test over the time of a step; a line joins the rows that no cheaper one reaches."""
    found = costs(results)
    if len(found) < 2:
        return None
    best = undominated(found)
    score = main_words(results)
    label = ", ".join(f"{c.row} {ratio(c.ratio)} times, {percent(c.accuracy)} %" for c in found)
    room = 0.06 * max(found[-1].ratio - found[0].ratio, 0.1)
    x = axis("time of a step, as a multiple of joint", rangemode="normal")
    x["range"] = [found[0].ratio - room, found[-1].ratio + 4 * room]
    return Chart(
        f"{capitalised(score)} and the time of a step",
        f"Time of a step as a multiple of joint, and test {score}: {label}",
        [_staircase(best), _rows(results, found, {cost.row for cost in best})],
        layout(x, axis(f"test {score}, percent")),
        380,
        Table(("row", "step ×", "a run", score, "vs joint"), _lines(results, found)),
    )


def _lines(results: Results, found: list[Cost]) -> list[tuple[str, ...]]:
    joint, _ = spread(results, JOINT, "accuracy")
    return [
        (
            cost.row,
            ratio(cost.ratio),
            duration(cost.seconds),
            percent(cost.accuracy),
            ABSENT if joint is None else points(cost.accuracy - joint),
        )
        for cost in found
    ]


def _staircase(best: list[Cost]) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [cost.ratio for cost in best],
        "y": [100 * cost.accuracy for cost in best],
        "line": {"color": "--muted", "width": 1.2, "dash": "dot", "shape": "hv"},
        "hoverinfo": "skip",
    }


def _rows(results: Results, found: list[Cost], named: set[str]) -> Trace:
    """Points; only the rows of the staircase carry their name, which would overlap otherwise."""
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [cost.ratio for cost in found],
        "y": [100 * cost.accuracy for cost in found],
        "text": [escaped(c.row) if c.row in named or c.row == JOINT else "" for c in found],
        "textposition": [_SIDES[place % 2] for place in range(len(found))],
        "textfont": {"color": "--ink", "size": 11},
        "hovertext": [escaped(cost.row) for cost in found],
        "marker": {"color": [GROUP_COLOURS[group(results, c.row)] for c in found], "size": 10},
        "hovertemplate": "%{hovertext}: %{x:.2f} times, %{y:.1f} %<extra></extra>",
    }
