"""One piece of reading: some items of one column, in this process or in another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from equimodal.data.table.forms.inside import open_file
from equimodal.data.table.items.decode import (
    DIGEST,
    Array,
    Item,
    Opened,
    Reader,
    digest_of,
    opened,
    revised,
    text_digest,
)
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.reading.findings import Unfit
from equimodal.errors import DataError

Entry = tuple[int, str]
"""A sample's index, and the path or text of its cell."""


@dataclass(frozen=True)
class Task:
    """What is done with every item of a column; plain data, so that it goes to other processes.

    ``name`` is "measure" (facts from headers) or "decode"; ``index`` is a file of digests (see
    `cache`) whose items need no decoding; ``keep`` says whether arrays are returned.
    """

    name: str
    kind: str
    files: bool
    settings: dict[str, Any]
    index: str | None = None
    keep: bool = False


Outcome = dict[str, Any]
"""As plain data: "i" is the sample's index, then "problem" (a code and a text), or "facts", or
"digest", "warnings", "shape" and "seconds"; "array" says whether a row is returned beside it."""


def done(
    task: Task, entries: Sequence[Entry], known: frozenset[bytes]
) -> tuple[list[Outcome], list[Array]]:
    """The outcome of each item, and the arrays of those whose outcome has "array" true."""
    outcomes, arrays = [], []
    work = _Work(task, reader(task.kind), known)
    for index, cell in entries:
        outcome, item = _one(work, cell)
        outcomes.append({"i": index, **outcome, "array": item is not None})
        if item is not None:
            arrays.append(item.array)
    return outcomes, arrays


def known_digests(index: str | None, record: int) -> frozenset[bytes]:
    """The digests in an index file of records of this many bytes, each with its digest first."""
    if index is None:
        return frozenset()
    with open(index, "rb") as file:
        content = file.read()
    whole = len(content) // record * record
    return frozenset(content[at : at + DIGEST] for at in range(0, whole, record))


@dataclass(frozen=True)
class _Work:
    """A task with the reader of its kind, and the digests that need no decoding."""

    task: Task
    reader: Reader
    known: frozenset[bytes]


def _one(work: _Work, cell: str) -> tuple[Outcome, Item | None]:
    try:
        return _file(work, cell) if work.task.files else _inline(work, cell)
    except Unfit as error:
        return {"problem": [error.code, str(error)]}, None
    except DataError:
        raise
    except MemoryError:
        return {"problem": ["large", "needs more memory than a file may take"]}, None
    except Exception as error:
        # A reader of foreign files can fail in ways that nobody foresaw; the row must be named.
        foreseen = isinstance(error, OSError)
        reason = str(error) if foreseen else f"{type(error).__name__}: {error}"
        return {"problem": ["unreadable", f"cannot be read ({reason})"]}, None


def _file(work: _Work, path: str) -> tuple[Outcome, Item | None]:
    if path.startswith("["):  # of a video; a path starts with its root
        return _frames(work, json.loads(path))
    with open_file(path) as file:
        size = file.seek(0, 2)
        file.seek(0)
        source, warnings = opened(file, path, size, work.task.settings.get("reader", ""))
        if work.task.name == "measure":
            return {"facts": work.reader.measure(source)}, None
        digest = digest_of(file)
        outcome: Outcome = {"digest": digest.hex(), "warnings": warnings}
        if (known := _known(work, digest, source)) is not None:
            return outcome | {"digest": known.hex()}, None
        file.seek(0)
        item = work.reader.decode(source, work.task.settings)
    outcome["digest"] = revised(digest, item.revision).hex()
    return _described(outcome, item), item if work.task.keep else None


def _frames(work: _Work, paths: Sequence[str]) -> tuple[Outcome, Item | None]:
    from equimodal.data.table.items.video import frames

    if work.task.name == "measure":
        return {"facts": {}}, None
    digest = frames.digest(paths)
    outcome: Outcome = {"digest": digest.hex(), "warnings": []}
    if digest in work.known:
        return outcome, None
    item = frames.decode(paths, work.task.settings)
    return _described(outcome, item), item if work.task.keep else None


def _known(work: _Work, digest: bytes, source: Opened) -> bytes | None:
    """The digest that a row of this content has in the cache, or None."""
    if (again := revised(digest, 1)) in work.known:
        return again
    if digest not in work.known:
        return None
    # The row may be of a version that read this file otherwise.
    check = work.reader.revision
    return digest if check is None or not check(source) else None


def _inline(work: _Work, cell: str) -> tuple[Outcome, Item | None]:
    if work.task.name == "measure":
        return {"facts": work.reader.measure(cell)}, None
    item = work.reader.decode(cell, work.task.settings)
    outcome = {"digest": text_digest(cell).hex(), "warnings": []}
    return _described(outcome, item), item if work.task.keep else None


def _described(outcome: Outcome, item: Item) -> Outcome:
    return outcome | {
        "warnings": [*outcome["warnings"], *item.warnings],
        "shape": list(item.shape),
        "seconds": item.seconds,
    }


def packed(arrays: Sequence[Array]) -> bytes:
    """The bytes of arrays of one shape, one after the other."""
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def unpacked(content: bytes, shape: Sequence[int], dtype: str) -> list[Array]:
    """The arrays that `packed` put together."""
    found: Array = np.frombuffer(content, dtype).reshape(-1, *shape)
    return list(found)


def as_dict(task: Task) -> Mapping[str, Any]:
    """The task as JSON can hold it."""
    return dict(vars(task))
