"""Who knows the answer: the models trained alone, and the fused one, on the same test samples."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equimodal.comparison.words import ABSENT, listing, percent
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.read.predictions import Prediction, Predictions, alone_rows, fused_row
from equimodal.report.read.reading import Results

Known = tuple[bool, ...]


@dataclass(frozen=True)
class Share:
    """Of all test samples, the fraction with one pattern of who knows it; and the fused model's.

    ``known`` says for every modality with a model of its own whether that is right.
    """

    known: Known
    share: float
    fused: float


def shares(results: Results, predictions: Predictions) -> list[Share]:
    """The patterns that occur, the most frequent first, over the seeds that all rows finished."""
    fused, alone = fused_row(results, predictions), alone_rows(results, predictions)
    if fused is None or len(alone) < 2:
        return []
    rows = [predictions[row] for row in (*alone.values(), fused)]
    seeds = sorted(set.intersection(*(set(row) for row in rows)))
    counts: dict[Known, list[int]] = defaultdict(lambda: [0, 0])
    for seed in seeds:
        table = np.stack([row[seed].right for row in rows], axis=1)
        patterns, found = np.unique(table, axis=0, return_counts=True)
        for pattern, count in zip(patterns.tolist(), found.tolist(), strict=True):
            counts[tuple(pattern[:-1])][pattern[-1]] += count
    total = sum(map(sum, counts.values()))
    parts = [Share(k, (w + r) / total, r / (w + r)) for k, (w, r) in counts.items()]
    return sorted(parts, key=lambda part: (-part.share, part.known))


def pattern_name(modalities: list[str], known: Known) -> str:
    """A pattern in words: "only sound", "image and sound", "none of them"."""
    right = [m for m, flag in zip(modalities, known, strict=True) if flag]
    if not right:
        return "none of them"
    return f"only {right[0]}" if len(right) == 1 else listing(right)


def share_table(results: Results, predictions: Predictions) -> Table:
    """How often who knows the answer, and what the fused model makes of it, in percent."""
    names = list(alone_rows(results, predictions))
    fused = fused_row(results, predictions)
    lines = [
        (pattern_name(names, part.known), percent(part.share), percent(part.fused))
        for part in shares(results, predictions)
    ]
    return Table(("right when trained alone", "% of test samples", f"{fused} right, %"), lines)


def class_accuracy(found: dict[int, Prediction], classes: int) -> NDArray[np.float64]:
    """Share of each class's samples that are recognised, mean over seeds; NaN without any: (C,)"""
    right = np.zeros((len(found), classes))
    for place, prediction in enumerate(found.values()):
        counts = np.bincount(prediction.labels, minlength=classes)
        hits = np.bincount(prediction.labels[prediction.right], minlength=classes)
        right[place] = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
    means: NDArray[np.float64] = right.mean(0)
    return means


def class_table(names: list[str], rows: dict[str, NDArray[np.float64]]) -> Table:
    """A line per class: what each row recognises of it, in percent."""
    lines = [
        (name, *(ABSENT if np.isnan(r[i]) else percent(float(r[i])) for r in rows.values()))
        for i, name in enumerate(names)
    ]
    return Table(("class", *rows), lines)
