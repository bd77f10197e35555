"""Arrays from npy, npz and csv files, and numbers in cells: -> vectors, sequences, spectrograms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from equimodal.data.table.items.array_files import array_headers, fine_arrays, read_array
from equimodal.data.table.items.decode import Array, Item, Opened, Reader, finite
from equimodal.data.table.items.digits import DOUBLE, as_lists, converted, range_of
from equimodal.data.table.reading.findings import Unfit

AXES = {"vector": 1, "sequence": 2, "spectrogram": 3}
_MOST_COLUMNS = 1 << 14  # whose ranges are looked at one by one
_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")
# One number as it is written where the comma is the decimal sign, or where digits are grouped by
# commas, points, blanks or apostrophes.
_WITH_COMMA = re.compile(r"[+-]?\d+(,\d+)?(e[+-]?\d+)?", re.IGNORECASE)
_ONE = re.compile(
    rf"{_WITH_COMMA.pattern}|[+-]?\d{{1,3}}((,\d{{3}})+(\.\d+)?|(\.\d{{3}})+,\d+"
    r"|([\s'’]\d{3})+([.,]\d+)?)",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
MISSING = ("nan", "none", "null", "nil", "na", "n/a", "#n/a", "<na>", "nat", "-", "--", "?")
"""As pandas, NumPy, R, SQL and spreadsheets write that there is no value."""
_SAMPLE = 200
_NEARLY = 0.9  # of the cells of a column
_LETTERS = 3  # that a number may have, of its unit or exponent
_FORMS = {"vector": "(D,)", "sequence": "(T, D)", "spectrogram": "(C, F, T)"}


def facts(kind: str, source: Opened) -> dict[str, Any]:
    """The shape of each array in the file, from its header where it has one, and the range of
    those that may have more digits than single precision."""
    headers = array_headers(source)
    source.file.seek(0)
    ranges = {}
    for name, values in fine_arrays(source).items():
        if values.size:
            rows = values.reshape(1, -1) if kind == "vector" or not values.ndim else values
            columns = kind != "spectrogram" and rows.shape[-1] <= _MOST_COLUMNS
            ranges[name] = as_lists(range_of(rows, columns=columns))
    return {
        "shapes": {name: shape for name, (shape, _) in headers.items()},
        "types": {name: kind for name, (_, kind) in headers.items()},
        "ranges": ranges,
    }


def inline_facts(source: str) -> dict[str, Any]:
    """The shape of the numbers in a cell, and their range."""
    values = np.array(parsed(source))
    return {"shapes": {"": [len(values)]}, "ranges": {"": as_lists(range_of(values, columns=True))}}


def inline(source: str, settings: Mapping[str, Any]) -> Item:
    """The numbers of a cell as a vector (D,).

    Raises:
        Unfit: a part is no number, one is not finite, or there are more or fewer than declared.
    """
    values = in_precision(np.array(parsed(source)), settings)
    _check_shape(values.shape, settings)
    return Item(values, values.shape)


def in_precision(numbers: Array, settings: Mapping[str, Any]) -> Array:
    """Numbers of cells in the precision of their column, (D,).

    Raises:
        Unfit: one is not finite, or too large for the digits that it has.
    """
    if settings.get("digits") == DOUBLE and (np.abs(numbers) > 2.0**53).any():
        numbers = numbers.astype(np.int64)  # and so refused
    return finite(converted(numbers, settings))


def fixed(kind: str, source: Opened, settings: Mapping[str, Any]) -> Item:
    """An array that has the same shape in all files.

    Raises:
        Unfit: it cannot be read, is not finite, or has another shape.
    """
    values = _values(source, settings, kind)
    _check_shape(values.shape, settings)
    return Item(values, values.shape)


def sequence(source: Opened, settings: Mapping[str, Any]) -> Item:
    """An array (T, D) as (length, D + 1): cut or padded with 0; the last column is 1 where it is.

    Raises:
        Unfit: it cannot be read, is not finite, is empty, or has another D.
    """
    values = _values(source, settings, "sequence")
    steps, width = values.shape
    if width != settings["width"]:
        raise Unfit("shape", f"has {width} numbers a step, the first file has {settings['width']}")
    row = np.zeros((settings["length"], width + 1), values.dtype)
    kept = values[: settings["length"]]
    row[: len(kept), :-1], row[: len(kept), -1] = kept, 1
    cut = [("cut", f"has {steps} steps of {len(row)}")] if steps > len(row) else []
    return Item(row, values.shape, warnings=cut)


def parsed(cell: str) -> list[float]:
    """The numbers of a cell: one, or several in brackets or with blanks, commas or semicolons.

    Raises:
        Unfit: a part is no number.
    """
    try:
        if "_" in cell:  # Python alone takes 1_000 for a number
            raise ValueError
        return [float(part) for part in _BETWEEN.split(cell.strip("[]() \t\r\n"))]
    except ValueError:
        raise Unfit("unreadable", f"'{cell[:40]}' is no number") from None


def in_two_ways(cells: Sequence[str]) -> int | None:
    """The first cell that is several numbers here and fewer to others (1,75 or 1 500), or None.

    A column is in doubt where the other reading fits all of its cells: ``1, 75`` and ``1,2,3`` are
    lists, and so are the other cells of their column.
    """
    filled = [(i, cell) for i, cell in enumerate(cells) if cell]
    if all(_ONE.fullmatch(cell) or _PLAIN.fullmatch(cell) for _, cell in filled):
        return next((i for i, cell in filled if not _PLAIN.fullmatch(cell)), None)
    parts = [(i, re.split(r"\s*;\s*|\s+", cell)) for i, cell in filled]
    if all(_WITH_COMMA.fullmatch(part) for _, found in parts for part in found):
        return next((i for i, found in parts if any("," in part for part in found)), None)
    return None


def in_other_notation(cells: Sequence[str]) -> int | None:
    """The first cell of a column of numbers in a notation that is not read, or None.

    They are such where nearly all of the cells hold several parts, of which most are like numbers:
    their first letter or digit is a digit, and few letters follow (``1'000 2'000``, ``3% 6%``).
    """
    filled = [(i, cell) for i, cell in enumerate(cells) if cell][:_SAMPLE]
    if sum(_is_like_numbers(cell) for _, cell in filled) < _NEARLY * len(filled):
        return None
    return next((i for i, cell in filled if not is_list_of_numbers(cell)), None)


def _is_like_numbers(cell: str) -> bool:
    """Whether most of a cell's parts are like numbers; signs between them are no parts."""
    parts = [part for part in _BETWEEN.split(unicodedata.normalize("NFKC", cell)) if part]
    likely = sum(map(begins_as_number, parts))
    spoken = sum(any(map(str.isalnum, part)) for part in parts)
    return spoken > 1 and 2 * likely > spoken


def begins_as_number(part: str) -> bool:
    """Whether a word is a number, a missing one, or a number with few letters (3%, 12kg)."""
    signs = [sign for sign in part if sign.isalnum()]
    if not signs or part.lower() in MISSING:
        return bool(signs)
    letters = sum(sign.isalpha() for sign in signs)
    return signs[0].isdecimal() and (letters <= _LETTERS or signs[:2] == ["0", "x"])


def _values(source: Opened, settings: Mapping[str, Any], kind: str) -> Array:
    values = read_array(source, settings.get("array"))
    axes = AXES[kind]
    if kind == "vector" and values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if kind == "spectrogram" and values.ndim == 2:
        values = values[None]
    if values.ndim != axes:
        raise Unfit("shape", f"has the shape {values.shape}, a {kind} is {_FORMS[kind]}")
    if not values.size:
        raise Unfit("empty", f"holds no number: its shape is {values.shape}")
    return finite(converted(values, settings))


def _check_shape(found: tuple[int, ...], settings: Mapping[str, Any]) -> None:
    if list(found) != settings["shape"]:
        raise Unfit("shape", f"has the shape {list(found)}, most others {settings['shape']}")


def is_list_of_numbers(cell: str) -> bool:
    """Whether a cell holds two or more numbers."""
    try:
        return len(parsed(cell)) > 1
    except Unfit:
        return False


def single(cell: str) -> float | None:
    """The one number that a cell holds, or None."""
    try:
        found = parsed(cell)
    except Unfit:
        return None
    return found[0] if len(found) == 1 else None


def joined(cells: tuple[str, ...]) -> str:
    """Several cells of numbers as one."""
    return cells[0] if len(cells) == 1 else ", ".join(cells)


READERS = {
    "numbers": Reader(inline, inline_facts),
    "vector": Reader(partial(fixed, "vector"), partial(facts, "vector")),
    "sequence": Reader(sequence, partial(facts, "sequence")),
    "spectrogram": Reader(partial(fixed, "spectrogram"), partial(facts, "spectrogram")),
}
