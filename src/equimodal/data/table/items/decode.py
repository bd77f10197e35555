"""From one file or cell to one array: a function per kind, bounded in time and memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.items.arrays.readers import FOREIGN
from equimodal.data.table.reading import formats
from equimodal.data.table.reading.findings import Unfit

Array = NDArray[Any]
DIGEST = 16
"""Bytes of a content's digest."""
_STREAMED = (0, 0xFFFFFFFF)  # what a recorder writes that does not know the length beforehand


@dataclass
class Item:
    """A decoded item.

    ``array`` is the stored row. ``shape`` is of the item as it came, ``seconds`` its length where
    it has one, ``warnings`` pairs of a code and a text. ``revision`` is above 0 for an item that
    an earlier version read otherwise, see `revised`.
    """

    array: Array
    shape: tuple[int, ...]
    seconds: float | None = None
    warnings: list[tuple[str, str]] = field(default_factory=list)
    revision: int = 0


@dataclass(frozen=True)
class Opened:
    """A file that is open at its start: its path, the format to read it as, its size in bytes, and
    the reader of another package that reads it, "" for none."""

    file: BinaryIO
    path: str
    format: str
    size: int
    reader: str = ""


class Reader(NamedTuple):
    """How items of a kind are read: whole, or as far as needed for the facts of their column, or
    for the revision that `Item` has."""

    decode: Callable[[Any, Mapping[str, Any]], Item]
    measure: Callable[[Any], dict[str, Any]]
    revision: Callable[[Any], int] | None = None


def digest_of(file: BinaryIO) -> bytes:
    """The digest of all bytes of an open file, which is then at its start again."""
    readable: Any = file
    found = hashlib.file_digest(readable, lambda: hashlib.blake2b(digest_size=DIGEST)).digest()
    file.seek(0)
    return found


def revised(digest: bytes, revision: int) -> bytes:
    """The digest of an item whose content an earlier version read otherwise: rows of that version
    do not stand for it, and all others keep theirs."""
    if not revision:
        return digest
    return hashlib.blake2b(digest + bytes([revision]), digest_size=DIGEST).digest()


def text_digest(cell: str) -> bytes:
    """The digest of an inline cell."""
    return hashlib.blake2b(cell.encode(), digest_size=DIGEST).digest()


def opened(
    file: BinaryIO, path: str, size: int, reader: str = ""
) -> tuple[Opened, list[tuple[str, str]]]:
    """The open file with the format of its content, and what is to be said of its name; what a
    ``reader`` of another package reads has any format.

    Raises:
        Unfit: see `formats.checked_format`.
    """
    if reader:
        return Opened(file, path, FOREIGN, size, reader), []
    head = file.read(formats.HEAD)
    file.seek(0)
    found, warning = formats.checked_format(path, head)
    return Opened(file, path, found, size), [("extension", warning)] if warning else []


def check_riff(source: Opened) -> None:
    """Nothing, where a wav or avi has all the bytes that its header announces.

    libsndfile reads a wav that is cut short without a word, and FFmpeg an avi.

    Raises:
        Unfit: it is cut short.
    """
    head = source.file.read(8)
    source.file.seek(0)
    announced = int.from_bytes(head[4:8], "little")
    if head[:4] == b"RIFF" and announced not in _STREAMED and source.size < announced + 8:
        raise Unfit("truncated", f"has {source.size} bytes, its header announces {announced + 8}")


def finite(values: Array) -> Array:
    """The values, all of which must be finite.

    Raises:
        Unfit: one is NaN or infinite.
    """
    wrong = ~np.isfinite(values)
    if wrong.any():
        place = [int(axis) for axis in np.unravel_index(int(wrong.argmax()), wrong.shape)]
        raise Unfit("finite", f"holds {int(wrong.sum())} values that are not finite, first {place}")
    return values
