"""Values of programs as the text that a CSV would hold."""

from __future__ import annotations

import json
import math
from pathlib import Path

from equimodal.data.table.reading.formats import FAMILY, extension
from equimodal.errors import DataError

MOST_IN_A_CELL = 16 * 2**20
"""Characters that a cell may hold; longer ones belong into a file."""
MOST_IN_ALL = 2**30
"""Characters of all cells of a form whose file may be far smaller than what it holds."""
MOST_CELLS = 10**8
"""Cells of such a form, rows times columns; of lists, their numbers."""


def cell_of(path: Path, row: int, value: object) -> str:
    """A value as a cell; NaN is how programs write that there is none.

    Raises:
        DataError: it is no text, number, list of numbers or list of pictures.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if isinstance(value, list) and (
        all(isinstance(v, (int, float)) for v in value) or all(map(_is_picture, value))
    ):
        return json.dumps(value)
    raise DataError(
        f"{path.name} holds a {type(value).__name__} in row {row}; write texts, numbers, lists of "
        "numbers, or lists of pictures by their paths."
    )


def _is_picture(value: object) -> bool:
    return isinstance(value, str) and FAMILY.get(extension(value)) == "image"


def check_cells(path: Path, rows: int, columns: int) -> None:
    """Refuse a table that would fill the memory once each row has a cell of each column.

    Raises:
        DataError: it has more than `MOST_CELLS`.
    """
    if rows * columns > MOST_CELLS:
        raise DataError(
            f"{path.name} stands for {rows:,} rows of {columns:,} columns, more than "
            f"{MOST_CELLS:,} cells; give all rows the same names, or save many numbers as files."
        )


def too_long(path: Path, row: int) -> DataError:
    """What is said of a cell of more than `MOST_IN_A_CELL` characters."""
    return DataError(
        f"{path.name} has a cell of more than {MOST_IN_A_CELL:,} characters in row {row}, which is "
        "too large; save what it holds as a file and name that."
    )
