"""The critical-difference diagram: mean ranks of rows, bars over those that are not told apart."""

from __future__ import annotations

from typing import Any

from equimodal.comparison.words import listing
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import (
    DOTS,
    GROUP_COLOURS,
    Chart,
    Trace,
    axis,
    over_rows,
    row_chart,
)
from equimodal.report.read.ranks import ENOUGH_BLOCKS, Ranking, ranking
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import by_seed, group, rows_in

_RANKED = ("baselines", "controls", "methods")


def row_ranking(results: Results) -> Ranking | None:
    """Ranking by the main score on test of all rows that train every modality, over the seeds."""
    scores = {row: by_seed(results, row, "accuracy") for row in rows_in(results, _RANKED)}
    return ranking({row: found for row, found in scores.items() if found})


def rank_chart(results: Results, found: Ranking) -> Chart:
    """Mean ranks, best on top, with a bar beside each group of rows that are not told apart."""
    rows = list(found.ranks)
    label = ", ".join(f"{row} {rank:.2f}" for row, rank in found.ranks.items())
    bars = found.alike
    x = axis("mean rank, 1 is best", range=[0.6, len(rows) + 0.6 + 0.35 * len(bars)])
    return row_chart(
        "Mean rank over the seeds",
        f"Mean rank of every row, 1 is best: {label}",
        [_ranks(results, found)],
        x,
        rows,
        Table(
            ("row", "mean rank", "not told apart from"),
            [(row, f"{found.ranks[row]:.2f}", _alike(row, found)) for row in rows],
        ),
        shapes=_bars(bars, rows),
    )


def rank_sentence(found: Ranking, score: str) -> str:
    """What the ranks by a score rest on, and what the tests say about them."""
    rows, blocks = len(found.ranks), found.blocks
    basis = (
        f"{rows} rows are ranked by test {score} within each of {blocks} "
        f"{'blocks' if blocks > 1 else 'block'}. A block is one seed on this one data set: the "
        "ranks say what another seed would show here, and nothing about other data."
    )
    if found.probability is None or found.difference is None:
        return (
            f"{basis} With fewer than {ENOUGH_BLOCKS} blocks no test is made and no critical "
            f"difference drawn: the ranks alone prove nothing. Use --seeds {ENOUGH_BLOCKS} or more."
        )
    shown = "differ" if found.probability < 0.05 else "are not shown to differ"
    return (
        f"{basis} Friedman's test (Iman and Davenport): the rows {shown}, "
        f"p {_probability(found.probability)}. Nemenyi's critical difference at 5 % is "
        f"{found.difference:.2f} ranks; a bar joins rows that lie closer than that. It guards "
        "against all pairs at once, so with few blocks it misses differences that the paired "
        "intervals show."
    )


def _probability(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _alike(row: str, found: Ranking) -> str:
    if found.difference is None:
        return "not tested"
    near = {other for bar in found.alike if row in bar for other in bar}
    return listing([other for other in found.ranks if other in near and other != row])


def _ranks(results: Results, found: Ranking) -> Trace:
    colours = [GROUP_COLOURS[group(results, row)] for row in found.ranks]
    marker = {"color": colours, "size": 10}
    return over_rows(DOTS, found.ranks, found.ranks.values(), marker, "%{y}: mean rank %{x:.2f}")


def _bars(bars: list[list[str]], rows: list[str]) -> list[dict[str, Any]]:
    """One upright bar per group, side by side to the right of the ranks."""
    return [
        {
            "type": "line",
            "x0": (x := len(rows) + 0.5 + 0.35 * place),
            "x1": x,
            "y0": rows.index(bar[0]) - 0.3,
            "y1": rows.index(bar[-1]) + 0.3,
            "line": {"color": "--ink", "width": 4},
        }
        for place, bar in enumerate(bars)
    ]
