"""What a row costs beside what it reaches: time of a training step, and its main score."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

from equimodal.comparison.rows import JOINT
from equimodal.comparison.scores import capitalised
from equimodal.comparison.words import ABSENT, duration, percent, points, ratio
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import (
    GROUP_COLOURS,
    Axis,
    Mark,
    Panel,
    RowChart,
    around,
    fenced,
)
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import finite, group, main_words, rows_in, spread

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


def cost_chart(results: Results, shown: Collection[str]) -> RowChart | None:
    """Time of a step and score on test, the cheapest row first; a ring where a cheaper row reaches
    as much."""
    found = costs(results)
    if len(found) < 2:
        return None
    score, best = main_words(results), {cost.row for cost in undominated(found)}
    told = [cost for cost in found if cost.row in shown]
    times = fenced([cost.ratio for cost in found], (cost.ratio for cost in told))
    reached = fenced([cost.accuracy for cost in found], (cost.accuracy for cost in told))
    scores = around([100 * value for value in reached], 2.0, ends=(-inf, 100.0))
    return RowChart(
        f"{capitalised(score)} and the time of a step",
        [cost.row for cost in found],
        [
            Panel(Axis("step, × joint", 0.0, 1.05 * max(times), most=3), _bars(results, found)),
            Panel(Axis(f"test {score}, percent", *scores, most=3), _dots(results, found, best)),
        ],
        Table(("row", "step ×", "a run", score, "vs joint"), _lines(results, found)),
        {cost.row: ratio(cost.ratio) for cost in found},
    )


def _bars(results: Results, found: list[Cost]) -> dict[str, list[Mark]]:
    def mark(c: Cost) -> Mark:
        colour = GROUP_COLOURS[group(results, c.row)]
        return Mark(c.ratio, colour, f"{c.row}: {ratio(c.ratio)} times", "bar")

    return {cost.row: [mark(cost)] for cost in found}


def _dots(results: Results, found: list[Cost], best: set[str]) -> dict[str, list[Mark]]:
    def mark(c: Cost) -> Mark:
        kind = "dot" if c.row in best else "ring"
        colour = GROUP_COLOURS[group(results, c.row)]
        return Mark(100 * c.accuracy, colour, f"{c.row}: {percent(c.accuracy)} %", kind)

    return {cost.row: [mark(cost)] for cost in found}


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
