"""Which classes are taken for which others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equimodal.report.charts.figures import MOST
from equimodal.report.read.predictions import Prediction, Predictions, fused_row
from equimodal.report.read.reading import Results
from equimodal.report.read.standing import best_row


@dataclass(frozen=True)
class Confusion:
    """Of some classes by name, how the samples of each are classed, in percent by their classes.

    ``lines`` holds (name, samples of all seeds, percents); ``rest`` the percent of all samples of
    these classes that were taken for one that is not shown.
    """

    row: str
    names: list[str]
    lines: list[tuple[str, int, list[int]]]
    rest: int


def confusions(results: Results, predictions: Predictions) -> list[Confusion]:
    """Of joint, or what stands for it, and of the best row; the classes are the same in both.

    Of more than `MOST` classes, those of which most samples are mistaken.
    """
    names = list(results["data"].get("classes", ()))
    wanted = dict.fromkeys([fused_row(results, predictions), best_row(results)])
    counts = {
        row: counted(predictions[row], len(names)) for row in wanted if row and row in predictions
    }
    if not counts or len(names) < 2:
        return []
    wrong = sum(found.sum(1) - found.diagonal() for found in counts.values())
    worst = sorted(range(len(names)), key=lambda place: -wrong[place])
    kept = sorted(worst[:MOST])
    return [_confusion(row, names, found, kept) for row, found in counts.items()]


def counted(found: Mapping[int, Prediction], classes: int) -> NDArray[np.int64]:
    """Samples of all seeds by their class and by what they are taken for: (C, C)"""
    table = np.zeros((classes, classes), np.int64)
    for prediction in found.values():
        np.add.at(table, (prediction.labels, prediction.classes), 1)
    return table


def _confusion(row: str, names: list[str], table: NDArray[np.int64], kept: list[int]) -> Confusion:
    shares = 100 * table / np.maximum(1, table.sum(1, keepdims=True))
    lines = [
        (names[i], int(table[i].sum()), [round(float(shares[i, j])) for j in kept]) for i in kept
    ]
    shown = int(table[np.ix_(kept, kept)].sum())
    total = max(1, int(table[kept].sum()))
    return Confusion(row, [names[j] for j in kept], lines, round(100 * (total - shown) / total))
