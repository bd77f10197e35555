"""Values of programs as the text that a CSV would hold."""

from __future__ import annotations

import json
import math
from pathlib import Path

from equimodal.data.table.reading.formats import FAMILY, extension
from equimodal.errors import DataError


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
