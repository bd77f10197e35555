"""Whether single precision keeps apart what a column holds, such as times since 1970."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from equimodal.data.table.items.decode import Array
from equimodal.data.table.reading.findings import Unfit

DOUBLE = "double"
_STEPS = 1 << 14
"""Levels that single precision must have between the lowest and the highest value."""
_EVEN = 1e-5  # spread in parts of the values below which even whole numbers are not centred well

Range = tuple[Array, Array, Array]
"""Of each column: lowest, highest, and whether single precision changes a value."""


def range_of(values: Array, *, columns: bool) -> Range:
    """The range of an array by its last axis, or as a whole."""
    rows = values.reshape(-1, values.shape[-1] if columns else 1).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        changed = (rows != rows.astype(np.float32)).any(0)
    return rows.min(0), rows.max(0), changed


def as_lists(found: Range) -> list[list[Any]]:
    """As JSON can hold it."""
    return [part.tolist() for part in found]


def joined(ranges: Sequence[Sequence[Sequence[Any]]]) -> list[list[Any]]:
    """The range of all; those of another width than the first are left out."""
    same = [r for r in ranges if len(r[0]) == len(ranges[0][0])]
    lows, highs, changed = (np.array([r[part] for r in same]) for part in range(3))
    return as_lists((lows.min(0), highs.max(0), np.asarray(changed.any(0))))


def needs_double(found: Sequence[Sequence[Any]]) -> bool:
    """Whether a column varies by so little of its values that single precision blurs it."""
    low, high, changed = (np.array(part) for part in found)
    if not (np.isfinite(low) & np.isfinite(high)).all():
        return False  # refused where they are read
    spread, most = high - low, np.maximum(np.abs(low), np.abs(high))
    blurred = changed.astype(bool) | (spread < _EVEN * most)
    return bool(((spread > 0) & (spread < _STEPS * most * 2.0**-23) & blurred).any())


def converted(values: Array, settings: Mapping[str, Any]) -> Array:
    """The values in the precision of their column.

    Raises:
        Unfit: whole numbers have more digits than double precision.
    """
    if settings.get("digits") != DOUBLE:
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    found = values.astype(np.float64)
    if values.dtype.kind in "iu" and (np.abs(found) > 2.0**53).any():
        raise Unfit(
            "large", "holds whole numbers above 2**53 that differ by little; subtract an offset"
        )
    return found
