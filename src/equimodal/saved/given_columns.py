"""Columns that are given in memory, as a table has them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from equimodal.data.table.reading.table import Table
from equimodal.errors import DataError, quoted


def given_columns(given: Mapping[str, Any]) -> Table:
    """The table of some columns by name: cells, or an array of numbers (N,) or (N, D).

    Raises:
        DataError: a column is none, or they differ in their number of rows.
    """
    columns = {}
    for name, held in given.items():
        cells = _written(held)
        listed = isinstance(cells, Sequence) and not isinstance(cells, str)
        if not listed or not all(isinstance(cell, str) for cell in cells):
            raise DataError(
                f"The column '{name}' must be a list of texts, as the cells of a table are, or an "
                f"array of numbers; found {quoted(held)}."
            )
        columns[name] = [cell.strip() for cell in cells]
    counts = {name: len(cells) for name, cells in columns.items()}
    if len(set(counts.values())) != 1 or not next(iter(counts.values())):
        raise DataError(f"Columns must have the same number of rows, at least one; found {counts}.")
    return Table(columns, list(range(1, next(iter(counts.values())) + 1)))


def _written(cells: Any) -> Sequence[str]:
    """Cells as they are; an array of numbers, (N,) or (N, D), as the cells that hold them."""
    if getattr(cells, "ndim", 0) in (1, 2) and hasattr(cells, "tolist"):
        rows = cells.tolist()
        return [row if isinstance(row, str) else json.dumps(row) for row in rows]
    found: Sequence[str] = cells
    return found
