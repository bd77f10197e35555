"""Predictions as a CSV that grows block by block: killed at any moment, it loses and doubles none.

Beside the file lies ``.<name>.unfinished`` until all is done: ``rows.csv``, and ``state.json``,
which says how many of its rows are whole. What was written after them is cut off.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equimodal.data.table.reading.table import Table
from equimodal.errors import BalanceError
from equimodal.saved.model import Model
from equimodal.saved.prediction import Predicted, example, stream
from equimodal.saved.prediction_lines import header, lines
from equimodal.saved.rows import cells_under
from equimodal.storage.disk import disk_error
from equimodal.storage.files import make_folder, read_json, settle, write_json
from equimodal.storage.locks import locked

_ROWS, _STATE = "rows.csv", "state.json"
_NOTED_EVERY = 0.5  # seconds
_FRESH = {"rows": 0, "unread": 0, "unknown": 0, "example": "", "bytes": 0}
Notify = Callable[[int, int], None]


@dataclass(frozen=True)
class Written:
    """A finished file: its path, how many rows it has, how many of them hold a reason in the place
    of a prediction and how many a value that training did not have, with an example of these."""

    path: Path
    rows: int
    unread: int
    unknown: int
    example: str


def write_predictions(
    model: Model, table: Table, root: str, out: Path, *, resume: bool = False,
    jobs: int | None = None, notify: Notify | None = None,
) -> Written:  # fmt: skip
    """Predict every row of a table into a CSV.

    Args:
        model: what is asked.
        table: the rows.
        root: folder that their paths start from, as `os.path.realpath` gives it.
        out: the file.
        resume: continue what an interrupted call left instead of refusing it.
        jobs: processes that read files.
        notify: called with (rows that are done, all rows).

    Raises:
        BalanceError: the file is there, belongs to other rows or another model, or cannot be
            written.
    """
    _check(out, resume=resume)
    work = _work(out)
    own = {"model": model.description.fingerprint, "table": _digest(model, table, root)}
    make_folder(work)
    with locked(work, patience=0.0):
        state = _claimed(work, own)
        if out.exists():  # killed when all but the end was done
            return _closed(work, out, state)
        with _kept(work, state["bytes"]) as file:
            _fill(file, work, state, stream(model, table, root, jobs=jobs, start=state["rows"]),
                  lambda done: notify and notify(done, len(table.rows)), model)  # fmt: skip
        settle(work / _ROWS, out)
        return _closed(work, out, state)


def _fill(
    file: io.FileIO, work: Path, state: dict[str, Any], found: Iterator[Predicted],
    notify: Callable[[int], object], model: Model,
) -> None:  # fmt: skip
    """Append the blocks, and note now and then how far the file is whole."""
    if not state["bytes"]:
        _append(file, _text([header(model)]))
    noted = time.monotonic()
    for block in found:
        _append(file, _text(lines(model, block)))
        state["rows"] += len(block)
        state["unread"] += len(block.problems)
        state["unknown"] += len(block.unknown)
        state["example"] = state["example"] or example(block)
        if time.monotonic() > noted + _NOTED_EVERY:
            _save(work, state, file)
            noted = time.monotonic()
        notify(state["rows"])
    _save(work, state, file)


def _text(rows: Any) -> bytes:
    into = io.StringIO(newline="")
    csv.writer(into).writerows(rows)
    return into.getvalue().encode()


def _work(out: Path) -> Path:
    return out.with_name(f".{out.name}.unfinished")


def _check(out: Path, *, resume: bool) -> None:
    work = _work(out)
    if out.suffix.lower() != ".csv":
        raise BalanceError(
            f"Predictions are written as a CSV; name a .csv with --out, not '{out}'."
        )
    if work.is_symlink() or out.is_dir():
        raise BalanceError(f"'{work if work.is_symlink() else out}' is in the way; choose another "
                           "file with --out.")  # fmt: skip
    if not out.absolute().parent.is_dir():
        raise BalanceError(f"There is no folder '{out.parent}'; make it, or choose another --out.")
    begun, held = (work / _STATE).exists(), (work / _ROWS).exists()
    if begun and not resume:
        raise BalanceError(
            f"'{out}' was begun and not finished; add --resume to continue it, or delete the "
            f"folder '{work}' to begin anew."
        )
    if out.exists() and (held or not begun):
        raise BalanceError(f"'{out}' is there already; choose another file with --out.")


def _claimed(work: Path, own: dict[str, str]) -> dict[str, Any]:
    """How far an earlier call came with the same model and rows, whose digests are ``own``.

    Raises:
        BalanceError: they were others.
    """
    if not (work / _STATE).exists():
        write_json(work / _STATE, {**own, **_FRESH})
    state = read_json(work / _STATE, remedy=f"delete the folder '{work}' and begin anew")
    different = [name for name, value in own.items() if state.get(name) != value]
    if different:
        raise BalanceError(
            f"What '{work}' holds was begun with another {' and another '.join(different)}; delete "
            "it to begin anew, or choose another --out."
        )
    return state


def _digest(model: Model, table: Table, root: str) -> str:
    found = hashlib.blake2b(root.encode(), digest_size=16)
    for source in dict.fromkeys(s for one in model.columns.values() for s in one.sources):
        for place, cell in zip(table.rows, cells_under(table, source), strict=True):
            found.update(f"{place} {len(cell)} {cell}\0".encode())
    return found.hexdigest()


@contextmanager
def _kept(work: Path, whole: int) -> Iterator[io.FileIO]:
    """The file of the rows, cut behind its whole ones."""
    path = work / _ROWS
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END) < whole:
                raise BalanceError(
                    f"'{path}' is shorter than it was; delete the folder '{work}' and begin anew."
                )
            file.truncate(whole)
            file.seek(whole)
            yield file
    except OSError as error:
        raise disk_error(error, path) from error


def _append(file: io.FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def _save(work: Path, state: dict[str, Any], file: io.FileIO) -> None:
    os.fsync(file.fileno())
    state["bytes"] = file.tell()
    write_json(work / _STATE, state)


def _closed(work: Path, out: Path, state: dict[str, Any]) -> Written:
    for name in (".lock", _STATE):
        (work / name).unlink(missing_ok=True)
    work.rmdir()
    return Written(out, *(state[key] for key in ("rows", "unread", "unknown", "example")))
