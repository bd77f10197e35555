"""Modalities from which the label can be read off by value: a second label, not an input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.items.numbers import parsed
from equimodal.data.table.reading.findings import Finding, Unfit
from equimodal.data.table.reading.reading import Reading
from equimodal.data.table.reading.roles import Column, Manifest

Codes = NDArray[np.int64]
RIGHT = 0.995
"""Share of the samples whose label their value must tell."""
COVERED = 0.5
"""Share of the samples that must hold a value that occurs twice."""
CHANCE = 0.01
"""How likely so few samples may be told right by guessing the most frequent label."""
_MOST_NUMBERS = 64


def telling(manifest: Manifest, codes: Codes, readings: Mapping[str, Reading]) -> list[Finding]:
    """A finding for each modality whose values, or one of whose numbers, tell the label."""
    labels = _ids(manifest.labels)
    found = []
    for name, reading in readings.items():
        column = manifest.columns[name]
        for part, values in _parts(column, reading):
            right = told(values, labels, codes)
            if right is not None:
                text = (
                    f"the label can be read off {part}: what training says of a value is right for "
                    f"{right:.1%} of validation; leave it out"
                )
                found.append(Finding("tells-label", text, None, name))
                break
    return found


def told(values: Codes, labels: Codes, codes: Codes) -> float | None:
    """The share of validation whose label is the most frequent one of its value in training.

    Only values that occur twice are looked at, -1 is none. None where they cover too few samples,
    where training itself or validation is not told well enough, or as one class alone, and where
    chance would do as well: each sample counts but for the first of its value in training.

    Args:
        values: the value of each sample as a number, (N,).
        labels: its class, (N,).
        codes: its split, 0 train and 1 validation, (N,).
    """
    counts = np.bincount(values + 1)[values + 1]
    train, other = ((codes == code) & (values >= 0) & (counts > 1) for code in (0, 1))
    best, most = _commonest(values[train], labels[train], int(values.max(initial=0)) + 1)
    other &= best[values] >= 0
    for mine, code in ((train, 0), (other, 1)):
        if mine.sum() < max(COVERED * (codes == code).sum(), 1):
            return None
    guesses = best[values[other]]
    right = float((guesses == labels[other]).mean())
    learned = most.sum() / train.sum()
    if min(right, learned) < RIGHT or len(np.unique(guesses)) < 2:
        return None
    common = np.bincount(labels[train | other] + 1).max() / (train | other).sum()
    if common ** (train.sum() - (most > 0).sum() + other.sum()) > CHANCE:
        return None
    return right


def _commonest(values: Codes, labels: Codes, count: int) -> tuple[Codes, Codes]:
    """The most frequent label of each value, -1 without one, and how often it is: (V,), (V,)"""
    pairs, often = np.unique(np.stack([values, labels]), axis=1, return_counts=True)
    best, most = np.full(count, -1), np.zeros(count, np.int64)
    order = np.argsort(often, kind="stable")
    best[pairs[0, order]], most[pairs[0, order]] = pairs[1, order], often[order]
    return best, most


def _parts(column: Column, reading: Reading) -> Iterator[tuple[str, Codes]]:
    """The values of a modality as a whole, and those of each of its numbers."""
    yield "its values", _ids([digest.hex() for digest in reading.digests])
    if column.kind == "table" and len(column.parts) > 1:
        for name, cells in zip(column.sources, column.parts, strict=True):
            yield f"'{name}'", _ids(cells)
    if column.kind != "numbers":
        return
    try:
        rows = [parsed(cell) if cell else [] for cell in column.cells]
    except Unfit:
        return
    width = max(map(len, rows), default=0)
    if 1 < width <= _MOST_NUMBERS and all(len(row) in (0, width) for row in rows):
        for place in range(width):
            cells = [repr(row[place]) if row else "" for row in rows]
            yield f"number {place + 1} of its {width}", _ids(cells)


def _ids(cells: Sequence[str]) -> Codes:
    """A number for each value, -1 for none: (N,)"""
    found = np.unique(np.array(cells), return_inverse=True)[1].astype(np.int64).reshape(-1)
    found[[not cell for cell in cells]] = -1
    return found
