"""New rows by fitted columns, block by block in their order: what memory holds does not grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.fitted.columns import FittedColumn
from equimodal.data.table.items import tables
from equimodal.data.table.items.decode import Array
from equimodal.data.table.items.work import Entry, Task, unpacked
from equimodal.data.table.reading.extras import check_installed
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.paths import placed
from equimodal.data.table.reading.reading import outcomes_of
from equimodal.errors import BalanceError

_AHEAD = 512
"""Rows that a modality may be read in front of its slowest."""
_EMPTY = "is empty"


@dataclass(frozen=True)
class Block:
    """Some rows of a table that follow each other.

    ``start`` is the index of the first, ``count`` how many there are; ``used`` (n,) are the indices
    of those that could be read, ``arrays`` (n, ...) what they hold by modality, 0 of one that a row
    lacks and may lack, and ``present`` (n, M) which are there; ``problems`` says of each other row
    why not, ``missing`` which modalities have an empty cell, and of numbers and categories which
    "modality: column", and ``unknown`` which values no row of training has.
    """

    start: int
    count: int
    used: list[int]
    arrays: dict[str, Array]
    problems: dict[int, str]
    missing: dict[int, list[str]]
    unknown: dict[int, list[str]]
    present: NDArray[np.bool_]


def blocks(
    columns: Mapping[str, FittedColumn], cells: Mapping[str, Sequence[str]], root: str,
    *, size: int, jobs: int, start: int = 0,
) -> Iterator[Block]:  # fmt: skip
    """The rows of a table from ``start`` on, in blocks of ``size``.

    Args:
        columns: how each modality is read.
        cells: of each modality, (N,).
        root: folder that paths start from, as `os.path.realpath` gives it.
        size: rows of a block.
        jobs: processes that read files.
        start: index of the first row.
    """
    count = len(next(iter(cells.values())))
    files = sum(column.files for column in columns.values())
    each = max(1, jobs // max(1, files))
    streams = {m: _Stream(column, cells[m], root, each, start) for m, column in columns.items()}
    try:
        for at in range(start, count, size):
            yield _block(streams, at, min(at + size, count))
    finally:
        for stream in streams.values():
            stream.close()


def _block(streams: Mapping[str, _Stream], start: int, end: int) -> Block:
    found = {m: stream.taken(start, end) for m, stream in streams.items()}
    problems, missing, unknown = {}, {}, {}
    for index in range(start, end):
        said = {m: row for m, rows in found.items() if isinstance(row := rows[index], str)}
        empty = [m for m, text in said.items() if text == _EMPTY]
        lacked = [m for m in empty if streams[m].column.missing and len(streams) > 1]
        if lacked and len(lacked) == len(streams):
            problems[index] = "has no modality at all"
        elif wrong := {m: text for m, text in said.items() if m not in lacked}:
            problems[index] = "; ".join(f"{m}: {text}" for m, text in wrong.items())
        lacking = [f"{m}: {part}" for m, one in streams.items() for part in one.lacking(index)]
        if empty or lacking:
            missing[index] = [*empty, *lacking]
        if new := [f"{m}: {text}" for m, one in streams.items() for text in one.unknown(index)]:
            unknown[index] = new
    used = [index for index in range(start, end) if index not in problems]
    arrays = {m: streams[m].stacked([rows[i] for i in used]) for m, rows in found.items()}
    there = [[not isinstance(rows[i], str) for rows in found.values()] for i in used]
    present = np.array(there, np.bool_).reshape(len(used), len(found))
    return Block(start, end - start, used, arrays, problems, missing, unknown, present)


class _Stream:
    """The rows of a modality, read in the background of who takes them."""

    def __init__(
        self, column: FittedColumn, cells: Sequence[str], root: str, jobs: int, start: int
    ) -> None:
        check_installed(column.kind, column.settings)
        self.column = column
        self._cells = cells
        self._unknown: dict[int, list[str]] = {}
        self._ready: dict[int, Array | str] = {}
        entries: list[Entry] = []
        for index in range(start, len(cells)):
            try:
                entries.append((index, self._place(cells[index], root)))
            except Unfit as error:
                self._ready[index] = str(error)
        task = Task("decode", column.kind, column.files, dict(column.settings), keep=True)
        self._answers = outcomes_of(task, entries, jobs, ahead=_AHEAD)

    def taken(self, start: int, end: int) -> dict[int, Array | str]:
        """The rows from ``start`` to before ``end``, or why one cannot be read."""
        wanted = range(start, end)
        while not all(index in self._ready for index in wanted):
            self._take()
        return {index: self._ready.pop(index) for index in wanted}

    def lacking(self, index: int) -> list[str]:
        """Columns of numbers and categories whose cell a row lacks, where it has others."""
        if self.column.kind != "table" or not self._cells[index]:
            return []
        return tables.empty(self._cells[index], self.column.sources)

    def unknown(self, index: int) -> list[str]:
        """What no row of training has, of a row that was `taken`; told once."""
        return self._unknown.pop(index, [])

    def stacked(self, rows: Sequence[Array | str]) -> Array:
        """Rows as one array, 0 where one says why there is none. (n, ...)"""
        found: Array = np.zeros((len(rows), *self.column.shape), self.column.dtype)
        for place, row in enumerate(rows):
            if not isinstance(row, str):
                found[place] = row
        return found

    def close(self) -> None:
        """End the processes."""
        self._answers.close()

    def _place(self, cell: str, root: str) -> str:
        if not cell:
            raise Unfit("cell", _EMPTY)
        if not self.column.files:
            return cell
        separator = self.column.settings.get("separator", "")
        return placed(cell, root, self.column.kind, separator)[0]

    def _take(self) -> None:
        outcomes, content = next(self._answers)
        try:
            rows = iter(unpacked(content, self.column.shape, self.column.dtype))
            found = {o["i"]: next(rows) if o["array"] else o["problem"][1] for o in outcomes}
        except (ValueError, StopIteration) as error:
            shape = list(self.column.shape)
            raise BalanceError(
                f"A {self.column.kind} became an array of another shape than the model's, {shape}: "
                "what the model says of its columns was edited; use a copy of it as it was made."
            ) from error
        self._ready |= found
        for outcome in outcomes:
            said = [text for code, text in outcome.get("warnings", ()) if code == "unknown"]
            if said:
                self._unknown[outcome["i"]] = said
