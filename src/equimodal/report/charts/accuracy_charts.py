"""Charts of the main score: every row with its seeds, and its paired difference to joint."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from equimodal.comparison.rows import JOINT
from equimodal.comparison.scores import capitalised
from equimodal.comparison.words import percent, points
from equimodal.report.charts.chart_numbers import seed_table
from equimodal.report.charts.figures import (
    DOTS,
    GROUP_COLOURS,
    Chart,
    Trace,
    axis,
    interval_bars,
    over_rows,
    row_chart,
    zero_axis,
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


def accuracy_chart(results: Results) -> Chart | None:
    """Test accuracy of every row but the floor: seeds as points, mean with its 95 % interval."""
    seeds = {
        row: found
        for row in ordered_rows(results)
        if group(results, row) != "floor" and (found := by_seed(results, row, "accuracy"))
    }
    means = {row: mean for row in seeds if (mean := accuracy(results, row)) is not None}
    label = ", ".join(f"{row} {percent(mean.mean)} %" for row, mean in means.items())
    # R2 is below 0 where the mean predicts better.
    ends = (-inf, 1.0) if main_name(results) == "r2" else (0.0, 1.0)
    return _chart(
        results, f"Test {main_words(results)}", label, seeds, means, axis("percent"), ends, percent
    )


def difference_chart(results: Results) -> Chart | None:
    """Accuracy minus joint, paired by seed: seeds as points, mean with its 95 % interval."""
    shown = ("baselines", "controls", "methods")
    means = {
        row: difference
        for row in ordered_rows(results)
        if group(results, row) in shown
        and (difference := reported(results, row, "difference_to_joint")) is not None
    }
    seeds = {row: paired_by_seed(results, row, JOINT, "accuracy") for row in means}
    label = ", ".join(f"{row} {with_interval(difference)}" for row, difference in means.items())
    zero = zero_axis("points")
    title = f"{capitalised(main_words(results))} minus joint"
    return _chart(results, title, label, seeds, means, zero, (-1.0, 1.0), points)


def _chart(
    results: Results,
    title: str,
    label: str,
    seeds: Seeds,
    means: Means,
    x: dict[str, Any],
    possible: tuple[float, float],
    written: Callable[[float], str],
) -> Chart | None:
    if not means:
        return None
    rows = list(means)
    colours = [GROUP_COLOURS[group(results, row)] for row in rows]
    limits, cut = _limits(seeds, means, possible)
    return row_chart(
        f"{title} (intervals cut at the edges)" if cut else title,
        f"{title}: {label}",
        [_seeds(seeds), _means(means, colours)],
        x | {"range": limits},
        rows,
        seed_table(means, seeds, written),
    )


def _limits(seeds: Seeds, means: Means, possible: tuple[float, float]) -> tuple[list[float], bool]:
    """Ends of the axis, and whether an interval runs out of it: few seeds can give huge ones."""
    points = [value for found in seeds.values() for value in found.values()]
    points += [mean.mean for mean in means.values()]
    lowest = min(mean.mean if mean.low is None else mean.low for mean in means.values())
    highest = max(mean.mean if mean.high is None else mean.high for mean in means.values())
    room = 0.5 * max(max(points) - min(points), 0.02)
    low = min(*points, max(lowest, min(points) - room, possible[0]))
    high = max(*points, min(highest, max(points) + room, possible[1]))
    margin = 0.04 * max(high - low, 0.01)
    return [100 * (low - margin), 100 * (high + margin)], lowest < low or highest > high


def _seeds(seeds: Seeds) -> Trace:
    pairs = [(row, 100 * value) for row, found in seeds.items() for value in found.values()]
    return over_rows(
        DOTS,
        [row for row, _ in pairs],
        [value for _, value in pairs],
        {"color": "--muted", "size": 6, "opacity": 0.55, "symbol": "circle-open"},
        "%{y}, one seed: %{x:.1f}",
    )


def _means(means: Means, colours: list[str]) -> Trace:
    values = [100 * mean.mean for mean in means.values()]
    marker = {"color": colours, "size": 10}
    bars = interval_bars(means.values())
    return over_rows(DOTS, means, values, marker, "%{y}: %{x:.1f}", error_x=bars)
