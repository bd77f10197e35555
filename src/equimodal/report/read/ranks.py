"""Whether rows differ at all, and which: ranks over blocks, after Friedman and Nemenyi.

Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006). There the
blocks are data sets; a comparison has one, and its blocks are the seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

ENOUGH_BLOCKS = 5
"""Below this many blocks no test is made: even a row that always wins could hardly pass it."""
LEVEL = 0.05

Scores = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True)
class Ranking:
    """Mean ranks of rows, best first (rank 1), and what the tests say with enough blocks.

    Attributes:
        ranks: row -> mean rank over the blocks, from 1 to the number of rows.
        blocks: how many blocks each row was ranked in.
        probability: p-value of Friedman's test that all rows are alike; None with too few blocks.
        difference: Nemenyi's critical difference of two mean ranks at 5 %; None likewise.
    """

    ranks: dict[str, float]
    blocks: int
    probability: float | None
    difference: float | None


def ranking(scores: Scores) -> Ranking | None:
    """The ranking of rows by their scores (row -> block -> score, higher is better).

    Only blocks in which every row has a score count. None with fewer than two rows or no block.
    """
    shared = set.intersection(*(set(found) for found in scores.values())) if scores else set()
    blocks = sorted(shared)
    if len(scores) < 2 or not blocks:
        return None
    table = np.array([[found[block] for found in scores.values()] for block in blocks])
    means = _mean_ranks(table)
    ordered = sorted(zip(scores, means, strict=True), key=lambda pair: pair[1])
    enough = len(blocks) >= ENOUGH_BLOCKS
    return Ranking(
        dict(ordered),
        len(blocks),
        friedman_probability(means, len(blocks)) if enough else None,
        critical_difference(len(scores), len(blocks)) if enough else None,
    )


def _mean_ranks(table: NDArray[np.float64]) -> list[float]:
    """Mean rank of every column, equal scores sharing theirs: (blocks, rows) -> (rows,)"""
    from scipy.stats import rankdata  # importing it takes a second

    return [float(rank) for rank in rankdata(-table, axis=1).mean(0)]


def friedman_probability(means: Sequence[float], blocks: int) -> float:
    """p-value that rows with these mean ranks are alike, in the form of Iman and Davenport.

    ``chi = 12 n / (k (k + 1)) (sum R^2 - k (k + 1)^2 / 4)`` for n blocks and k rows, and
    ``F = (n - 1) chi / (n (k - 1) - chi)`` with ``k - 1`` and ``(k - 1)(n - 1)`` degrees of
    freedom.
    """
    from scipy.stats import f

    k, n = len(means), blocks
    chi = 12 * n / (k * (k + 1)) * (sum(rank**2 for rank in means) - k * (k + 1) ** 2 / 4)
    left = n * (k - 1) - chi
    statistic = (n - 1) * chi / left if left > 1e-9 * n * (k - 1) else inf
    return float(f.sf(statistic, k - 1, (k - 1) * (n - 1)))


def critical_difference(rows: int, blocks: int) -> float:
    """Nemenyi's: mean ranks that lie further apart differ at 5 %, ``q sqrt(k (k + 1) / (6 n))``."""
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - LEVEL, rows, np.inf)) / sqrt(2)
    return quantile * sqrt(rows * (rows + 1) / (6 * blocks))
