"""Charts of the main score: every row with its seeds, and its paired difference to joint."""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import inf

from equimodal.comparison.rows import JOINT
from equimodal.comparison.scores import capitalised
from equimodal.comparison.words import percent, points
from equimodal.report.charts.chart_numbers import seed_table
from equimodal.report.charts.figures import (
    GROUP_COLOURS,
    Axis,
    Mark,
    Panel,
    RowChart,
    around,
    by_value,
    fenced,
)
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import (
    Difference,
    accuracy,
    by_seed,
    group,
    main_name,
    main_words,
    ordered_rows,
    paired_by_seed,
    reported,
    with_interval,
)

Seeds = dict[str, dict[int, float]]
Means = dict[str, Difference]
Write = Callable[..., str]


def accuracy_chart(results: Results, shown: Collection[str]) -> RowChart | None:
    """Test accuracy of every row but the floor: seeds as rings, mean with its 95 % interval.

    The axis is laid out for the rows ``shown`` at first and for those near them.
    """
    seeds = {
        row: found
        for row in ordered_rows(results)
        if group(results, row) != "floor" and (found := by_seed(results, row, "accuracy"))
    }
    means = {row: mean for row in seeds if (mean := accuracy(results, row)) is not None}
    score = main_words(results)
    # R2 is below 0 where the mean predicts better.
    ends = (-inf, 100.0) if main_name(results) == "r2" else (0.0, 100.0)
    limits = _limits(seeds, means, shown, ends)
    axis = Axis(f"test {score}, percent", *limits)
    return _chart(results, f"Test {score}", seeds, means, axis, percent, shown)


def difference_chart(results: Results, shown: Collection[str]) -> RowChart | None:
    """Accuracy minus joint, paired by seed: seeds as rings, mean with its 95 % interval."""
    held = ("baselines", "controls", "methods")
    means = {
        row: difference
        for row in ordered_rows(results)
        if group(results, row) in held
        and (difference := reported(results, row, "difference_to_joint")) is not None
    }
    seeds = {row: paired_by_seed(results, row, JOINT, "accuracy") for row in means}
    title = f"{capitalised(main_words(results))} minus joint"
    limits = _limits(seeds, means, shown, (-100.0, 100.0))
    axis = Axis("points", *limits, zero=True)
    return _chart(results, title, seeds, means, axis, points, shown)


def _chart(
    results: Results,
    title: str,
    seeds: Seeds,
    means: Means,
    axis: Axis,
    written: Write,
    shown: Collection[str],
) -> RowChart | None:
    if not means:
        return None
    marks = {
        row: [*_seeds(seeds[row], written), _mean(results, row, mean, written)]
        for row, mean in means.items()
    }
    cut = any(
        axis.outside(end)
        for row, found in marks.items()
        for m in found
        if row in shown
        for end in (m.value, m.low, m.high)
        if end is not None
    )
    return RowChart(
        f"{title} (cut at the edges)" if cut else title,
        by_value({row: mean.mean for row, mean in means.items()}),
        [Panel(axis, marks)],
        seed_table(means, seeds, written),
        {row: written(mean.mean) for row, mean in means.items()},
    )


def _limits(
    seeds: Seeds, means: Means, shown: Collection[str], ends: tuple[float, float]
) -> tuple[float, float]:
    """Ends of the axis in percent: intervals of few seeds can be huge, and reach a little out."""
    every = {row: [mean.mean, *seeds.get(row, {}).values()] for row, mean in means.items()}
    values = fenced(
        [mean.mean for mean in means.values()],
        (value for row, found in every.items() if row in shown for value in found),
    )
    if not values:
        return 0.0, 1.0
    room = 0.5 * max(max(values) - min(values), 0.02)
    bounds = [b for r, m in means.items() if r in shown for b in (m.low, m.high) if b is not None]
    reached = [min(max(b, min(values) - room), max(values) + room) for b in bounds]
    return around([100 * value for value in (*values, *reached)], 2.0, ends=ends)


def _seeds(found: dict[int, float], written: Write) -> list[Mark]:
    return [
        Mark(100 * value, "--muted", f"seed {seed}: {written(value)}", "ring")
        for seed, value in found.items()
    ]


def _mean(results: Results, row: str, mean: Difference, written: Write) -> Mark:
    low, high = (None if end is None else 100 * end for end in (mean.low, mean.high))
    said = f"{row}: {with_interval(mean, written)}"
    return Mark(100 * mean.mean, GROUP_COLOURS[group(results, row)], said, low=low, high=high)
