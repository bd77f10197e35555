"""Mean ranks of rows, with what they may lie apart before two are told apart."""

from __future__ import annotations

from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import GROUP_COLOURS, Axis, Mark, Panel, RowChart
from equimodal.report.read.ranks import ENOUGH_BLOCKS, Ranking, ranking
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import by_seed, group, rows_in

_RANKED = ("baselines", "controls", "methods")


def row_ranking(results: Results) -> Ranking | None:
    """Ranking by the main score on test of all rows that train every modality, over the seeds."""
    scores = {row: by_seed(results, row, "accuracy") for row in rows_in(results, _RANKED)}
    return ranking({row: found for row, found in scores.items() if found})


def rank_chart(results: Results, found: Ranking) -> RowChart:
    """Mean ranks, best on top, each with a line of the critical difference's length."""
    rows = list(found.ranks)
    half = None if found.difference is None else found.difference / 2
    marks = {}
    for row, rank in found.ranks.items():
        low, high = (None, None) if half is None else (rank - half, rank + half)
        colour = GROUP_COLOURS[group(results, row)]
        marks[row] = [Mark(rank, colour, f"{row}: mean rank {rank:.2f}", low=low, high=high)]
    return RowChart(
        "Mean rank over the seeds",
        rows,
        [Panel(Axis("mean rank, 1 is best", 0.5, len(rows) + 0.5, whole=True), marks)],
        Table(("row", "mean rank"), [(row, f"{rank:.2f}") for row, rank in found.ranks.items()]),
        {row: f"{rank:.1f}" for row, rank in found.ranks.items()},
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
        f"{found.difference:.2f} ranks, the length of the lines: two rows whose lines overlap are "
        "not told apart. It guards against all pairs at once, so with few blocks it misses "
        "differences that the paired intervals show."
    )


def _probability(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
