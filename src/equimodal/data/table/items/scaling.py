"""Mean and standard deviation of the training rows on disk, block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import scale_of
from equimodal.data.table.store.rows import RowFile

Doubles = NDArray[np.float64]
_BLOCK_BYTES = 4 * 2**20


def scaling(file: RowFile, slots: NDArray[np.int64], kind: str) -> tuple[Doubles, Doubles]:
    """What rows are shifted and divided by, as `data.arrays.standardised` does in memory.

    A vector's columns, and a sequence's over the steps that it has, each by themselves; an image,
    a spectrogram or a video as a whole. A constant column is only centred. -> (D,), (D,) or ()
    """
    if file.dtype == np.float64:
        return _around(_first(file, slots, kind), file, slots, kind)
    mean, deviation = _moments(file, slots, kind, 0.0)
    scale = scale_of(mean, deviation)
    return _of_steps(mean, scale, kind)


def _around(
    origin: Doubles, file: RowFile, slots: NDArray[np.int64], kind: str
) -> tuple[Doubles, Doubles]:
    """The same of values that differ by little, from one of them on: a constant has no rest."""
    mean, deviation = _moments(file, slots, kind, origin)
    return _of_steps(origin + mean, np.where(deviation > 0, deviation, 1.0), kind)


def _first(file: RowFile, slots: NDArray[np.int64], kind: str) -> Doubles:
    if not len(slots):
        return _sums(file, kind)
    row = file.read(slots[:1])[0]
    found: Doubles = {"vector": row, "sequence": row[0]}.get(kind, row.reshape(-1)[0])
    return np.asarray(found)


def _moments(
    file: RowFile, slots: NDArray[np.int64], kind: str, origin: Doubles | float
) -> tuple[Doubles, Doubles]:
    """Mean and deviation of the rows less ``origin``."""
    count, total = 0.0, 0.0 * _sums(file, kind)
    for rows, weight in _blocks(file, slots, kind):
        count, total = count + weight.sum(), total + _added((rows - origin) * weight, kind)
    width = 1.0 if kind in ("vector", "sequence") else float(np.prod(file.shape))
    mean = total / max(count * width, 1.0)
    squares = 0.0 * total
    for rows, weight in _blocks(file, slots, kind):
        squares += _added(np.square(rows - origin - mean) * weight, kind)
    return mean, np.sqrt(squares / max(count * width, 1.0))


def _of_steps(mean: Doubles, scale: Doubles, kind: str) -> tuple[Doubles, Doubles]:
    """Mean and scale, which leave the last column of a sequence as it is."""
    if kind == "sequence":
        mean[-1], scale[-1] = 0.0, 1.0
    return np.asarray(mean), np.asarray(scale)


def _sums(file: RowFile, kind: str) -> Doubles:
    return np.zeros(file.shape[-1] if kind in ("vector", "sequence") else ())


def _added(rows: Doubles, kind: str) -> Doubles:
    axes = tuple(range(rows.ndim - 1)) if kind in ("vector", "sequence") else None
    found: Doubles = np.asarray(rows.sum(axis=axes))
    return found


def _blocks(
    file: RowFile, slots: NDArray[np.int64], kind: str
) -> Iterator[tuple[Doubles, Doubles]]:
    """Rows in double precision, and a weight of 1 for each row, or step of a sequence, that is."""
    size = max(1, _BLOCK_BYTES // file.row_bytes)
    for at in range(0, len(slots), size):
        rows = file.read(slots[at : at + size]).astype(np.float64)
        if kind == "sequence":
            yield rows, rows[..., -1:]
        else:
            yield rows, np.ones((len(rows), *[1] * (rows.ndim - 1)))
