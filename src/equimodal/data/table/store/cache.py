"""Decoded items on disk: each once, by its content and settings, in one file of equal rows.

A store is a folder ``items/<kind>-<key>`` with ``rows.bin``, the rows one after the other, and
``index.bin``, one record a row: the digest of the content it came from and a byte of warnings. Rows
are forced to the disk before their records are written, so whatever moment a process is killed at,
every record stands for a whole row, and the next process continues behind the last one.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from equimodal.data.table.items.decode import DIGEST, Array
from equimodal.errors import DataError

VERSION = 1
RECORD = DIGEST + 1
FLAGS = ("silent", "blank", "cut", "damaged", "transparent")
LIMIT = 50.0
"""Gigabytes that all stores of a cache may hold together."""
_SPARE = 2**28
_PENDING = 16 * 2**20


def default_folder() -> Path:
    """``$EQUIMODAL_CACHE``, or equimodal's folder in the user's cache."""
    own = os.environ.get("EQUIMODAL_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "equimodal"


class Store:
    """The rows of one kind with the same settings; one process at a time may add to it.

    Args:
        cache: folder of the cache.
        kind: kind of the items.
        settings: all that determines a row, besides the content.
        shape: shape of a row.
        dtype: its type.
    """

    def __init__(
        self, cache: Path, kind: str, settings: Mapping[str, Any], shape: Sequence[int], dtype: str
    ) -> None:
        self.kind, self.shape, self.dtype = kind, tuple(shape), dtype
        self.row_bytes = math.prod(self.shape) * np.dtype(dtype).itemsize
        about = {"version": VERSION, "kind": kind, "settings": dict(settings), "dtype": dtype}
        text = json.dumps(about | {"shape": list(shape)}, sort_keys=True)
        key = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.folder = cache / "items" / f"{kind}-{key}"
        self.rows, self.index = self.folder / "rows.bin", self.folder / "index.bin"
        self.slots: dict[bytes, int] = {}
        self.flags: list[int] = []
        self._pending: list[tuple[bytes, int, bytes]] = []
        self._files: tuple[BinaryIO, BinaryIO] | None = None

    def open(self) -> None:
        """Read the index, and drop what an interrupted process left half-written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (self.rows, self.index):
            path.touch()
        content = self.index.read_bytes()
        count = min(len(content) // RECORD, os.path.getsize(self.rows) // self.row_bytes)
        records = [content[at : at + RECORD] for at in range(0, count * RECORD, RECORD)]
        self.slots = {record[:DIGEST]: slot for slot, record in enumerate(records)}
        self.flags = [record[DIGEST] for record in records]
        os.truncate(self.rows, count * self.row_bytes)
        os.truncate(self.index, count * RECORD)

    def add(self, digest: bytes, warnings: Sequence[str], row: Array) -> None:
        """Keep a row, unless its content is there already."""
        if digest in self.slots:
            return
        flags = sum(1 << place for place, code in enumerate(FLAGS) if code in warnings)
        self.slots[digest] = len(self.flags)
        self.flags.append(flags)
        self._pending.append((digest, flags, row.astype(self.dtype, copy=False).tobytes()))
        if len(self._pending) * self.row_bytes > _PENDING:
            self.flush()

    def flush(self) -> None:
        """Force what was added to the disk: rows first, then their records."""
        if not self._pending:
            return
        if self._files is None:
            self._files = open(self.rows, "ab"), open(self.index, "ab")  # noqa: SIM115
        rows, index = self._files
        _append(rows, b"".join(row for _, _, row in self._pending))
        _append(index, b"".join(digest + bytes([flags]) for digest, flags, _ in self._pending))
        self._pending.clear()

    def close(self) -> None:
        """Flush, and close the files."""
        self.flush()
        for file in self._files or ():
            file.close()
        self._files = None

    def warnings(self, slot: int) -> list[str]:
        """The codes of a row's warnings."""
        return [code for place, code in enumerate(FLAGS) if self.flags[slot] >> place & 1]


def check_room(cache: Path, wanted: int, limit: float) -> None:
    """Refuse to write more than the cache may hold or the disk has left.

    Args:
        cache: folder of the cache.
        wanted: bytes that may be added.
        limit: gigabytes that the cache may hold.

    Raises:
        DataError: there is not enough room; the message says how much there is and is needed.
    """
    held = sum(file.stat().st_size for file in (cache / "items").glob("*/*.bin"))
    advice = (
        "declare smaller samples (size, seconds, length), delete what is old in that folder, or "
        "choose another one with --cache"
    )
    if held + wanted > limit * 1e9:
        raise DataError(
            f"The cache '{cache}' holds {held / 1e9:.2f} GB and would grow by up to "
            f"{wanted / 1e9:.2f} GB, over its limit of {limit:g} GB (EQUIMODAL_CACHE_LIMIT); "
            f"{advice}."
        )
    free = shutil.disk_usage(cache).free
    if wanted + _SPARE > free:
        raise DataError(
            f"The decoded samples need up to {wanted / 1e9:.2f} GB and the disk of '{cache}' has "
            f"{free / 1e9:.2f} GB left; {advice}."
        )


def limit() -> float:
    """``$EQUIMODAL_CACHE_LIMIT`` in gigabytes, or `LIMIT`.

    Raises:
        DataError: it is no number above 0.
    """
    text = os.environ.get("EQUIMODAL_CACHE_LIMIT", str(LIMIT))
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not found > 0:
        raise DataError(f"EQUIMODAL_CACHE_LIMIT must be gigabytes above 0, found '{text}'.")
    return found


def _append(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
