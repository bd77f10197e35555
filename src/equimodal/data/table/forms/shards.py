"""WebDataset: tar files whose members of one name, up to its first dot, are a sample.

A member is a file that stays where it is, ``<shard>.tar/<member>``, but for short texts: ``cls``,
``id`` and ``txt`` are cells, and a ``json`` is a cell for each of its keys.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from equimodal.data.table.forms.values import cell_of
from equimodal.data.table.reading.findings import Unfit
from equimodal.errors import DataError

SUFFIX = ".tar"
MOST_BYTES = 2**30
"""Bytes that a member may have."""
_MOST_TEXT = 2**20
_MOST_SHARDS = 100_000
_HEADERS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_CELLS = ("cls", "id", "txt")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


class _LongHeaderError(tarfile.TarError):
    """A header announces more than a name and its attributes need."""


class _Member(tarfile.TarInfo):
    """A member; a long name and attributes are headers too, and read whole as announced."""

    @classmethod
    def frombuf(cls, *args: Any, **options: Any) -> Self:
        found = super().frombuf(*args, **options)
        if found.type in _HEADERS and not 0 <= found.size <= _MOST_TEXT:
            raise _LongHeaderError(
                f"has a header that announces {found.size:,} bytes, more than {_MOST_TEXT:,}; "
                "write short names and attributes."
            )
        return found


def shards_of(path: Path) -> list[Path]:
    """The files that a path stands for: itself, or ``train-{000..146}.tar`` all of these.

    Raises:
        DataError: a range that counts down, or has too many files.
    """
    found = _RANGE.search(path.name)
    if found is None or os.path.exists(path):
        return [path]
    first, last = map(int, found.groups())
    if not first <= last < first + _MOST_SHARDS:
        raise DataError(
            f"'{path.name}' must count up, over {_MOST_SHARDS:,} files at most; found {found[0]}."
        )
    width = len(found[1])
    names = (f"{k:0{width}d}" for k in range(first, last + 1))
    return [path.with_name(path.name.replace(found[0], name, 1)) for name in names]


def records_of(path: Path) -> list[dict[str, str]]:
    """The cells of each sample, of all shards in their order.

    Raises:
        DataError: a shard is missing or damaged, or a member could be of two samples, is a link, or
            holds what no cell can.
    """
    records: list[dict[str, str]] = []
    seen: set[str] = set()
    for shard in shards_of(path):
        last = ""
        for key, kind, cells in _members(shard, len(records) + 1):
            if key != last:
                if key in seen:
                    raise DataError(
                        f"{path.name} holds the sample '{key}' twice, the second time in "
                        f"{shard.name}; members of a sample follow each other."
                    )
                seen.add(key)
                records.append({})
                last = key
            if twice := sorted(cells.keys() & records[-1].keys()):
                raise DataError(
                    f"{shard.name} holds '{twice[0]}' twice in the sample '{key}' (.{kind})."
                )
            records[-1] |= cells
    return records


def _members(shard: Path, row: int) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Sample, extension and cells of each member."""
    try:
        with tarfile.open(shard, "r:", tarinfo=_Member) as archive:
            for member in archive:
                if member.isdir():
                    continue
                folder, name = os.path.split(member.name.removeprefix("./"))
                stem, dot, kind = name.partition(".")
                if not (stem and dot and kind) or not _is_plain(member):
                    raise DataError(
                        f"{shard.name} holds '{member.name}', which is no file of the form "
                        "<sample>.<kind>; write plain files alone."
                    )
                cells = {kind: f"{shard.name}/{member.name}"}
                if kind in (*_CELLS, "json"):
                    cells = _told(shard, archive, member, kind, row)
                yield os.path.join(folder, stem), kind, cells
    except FileNotFoundError:
        raise DataError(f"There is no file '{shard}'; give the path of a tar.") from None
    except _LongHeaderError as error:
        raise DataError(f"{shard.name} {error}") from error
    except (tarfile.TarError, EOFError, OSError, RecursionError) as error:
        raise DataError(
            f"{shard.name} is damaged, or no tar without compression ({error}); unpack a .tar.gz."
        ) from error


def _told(
    shard: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, kind: str, row: int
) -> dict[str, str]:
    """The cells in a short text, or in a JSON object."""
    file = archive.extractfile(member) if member.size <= _MOST_TEXT else None
    if file is None:
        raise DataError(
            f"{shard.name} holds '{member.name}' of {member.size:,} bytes; a text or JSON has "
            f"{_MOST_TEXT:,} at most."
        )
    try:
        text = file.read().decode()
        found: Any = json.loads(text) if kind == "json" else {kind: text}
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{member.name}' in {shard.name} is no text or JSON ({error}).") from error
    if not isinstance(found, dict):
        raise DataError(f"'{member.name}' in {shard.name} must be an object with names.")
    return {str(name).strip(): cell_of(shard, row, value) for name, value in found.items()}


def _is_plain(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse()


def content_of(shard: str, name: str) -> bytes:
    """A member.

    Raises:
        Unfit: there is none of this name, or it is a link, is too large, or is cut short.
    """
    found = _index(shard).get(name)
    if found is None:
        raise Unfit("missing", f"there is no plain file '{name[:80]}' in it")
    start, size = found
    if size > MOST_BYTES:
        raise Unfit("large", f"has {size:,} bytes, more than {MOST_BYTES:,}")
    with open(shard, "rb") as file:
        file.seek(start)
        content = file.read(size)
    if len(content) < size:
        raise Unfit("truncated", f"has {len(content)} bytes, its header announces {size}")
    return content


@lru_cache(maxsize=4)
def _index(shard: str) -> dict[str, tuple[int, int]]:
    """Where each plain member starts, and how long it is."""
    found: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(shard, "r:", tarinfo=_Member) as archive:
            for member in archive:
                if _is_plain(member):
                    found[member.name] = (member.offset_data, member.size)
    except (tarfile.TarError, EOFError, RecursionError):
        pass  # what stands before the damage can be read
    return found
