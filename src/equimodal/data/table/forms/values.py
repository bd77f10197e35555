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


class Room:
    """What cells of a file may take: it can be far smaller, where many rows share a value."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = 0

    def checked(self, row: int, cell: str) -> str:
        """The cell.

        Raises:
            DataError: it has more than `MOST_IN_A_CELL` characters, or all have more than
                `MOST_IN_ALL`.
        """
        self._taken += len(cell)
        if len(cell) > MOST_IN_A_CELL:
            raise too_long(self._path, row)
        if self._taken > MOST_IN_ALL:
            raise DataError(
                f"{self._path.name} holds more than {MOST_IN_ALL:,} characters, up to row {row}; "
                "save long texts and lists as files and name those."
            )
        return cell


def too_long(path: Path, row: int) -> DataError:
    """What is said of a cell of more than `MOST_IN_A_CELL` characters."""
    return DataError(
        f"{path.name} has a cell of more than {MOST_IN_A_CELL:,} characters in row {row}, which is "
        "too large; save what it holds as a file and name that."
    )
