"""Reads every item of a manifest once: settings first, then each item into an array."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.progress import Advance
from equimodal.data.table.items.numbers import AXES
from equimodal.data.table.items.pool import answers
from equimodal.data.table.items.work import (
    Entry,
    Outcome,
    Task,
    done,
    known_digests,
    packed,
    unpacked,
)
from equimodal.data.table.mixed.fitting import counted
from equimodal.data.table.reading.extras import check_installed
from equimodal.data.table.reading.facts import merged, ranged
from equimodal.data.table.reading.findings import Finding, Unfit
from equimodal.data.table.reading.paths import placed
from equimodal.data.table.reading.roles import Column, Manifest
from equimodal.data.table.reading.survey import Form, form, is_declared
from equimodal.data.table.store.cache import RECORD, Store

ALONE = 64
"""Up to this many text files are read in this process. All other files may mean harm to what reads
them: that is a process of bounded memory and time."""
_BATCH = 256
_ENOUGH = 1000  # cells that show how many numbers most hold


@dataclass
class Reading:
    """What came of a modality.

    ``digests`` (N,) are empty where an item cannot be used, ``stamps`` (N, 2) are those of
    `paths.located`, ``shapes`` counts the shapes as the items came, ``seconds`` are lengths.
    """

    form: Form
    digests: list[bytes]
    stamps: NDArray[np.int64]
    findings: list[Finding] = field(default_factory=list)
    shapes: dict[tuple[int, ...], int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Located:
    """The entries of a column that name a file or hold a cell, and what is wrong with others."""

    entries: list[Entry]
    stamps: NDArray[np.int64]
    findings: list[Finding]


def locate(manifest: Manifest, column: Column) -> Located:
    """The files of a column, each looked up and none opened."""
    entries: list[Entry] = []
    stamps = np.zeros((len(manifest), 2), np.int64)
    findings = []
    for index, cell in enumerate(column.cells):
        if not cell:
            continue
        try:
            path, stamp = cell, (0, 0)
            if column.files:
                separator = column.settings.get("separator", "")
                path, stamp = placed(cell, manifest.root, column.kind, separator)
        except Unfit as error:
            findings.append(Finding(error.code, str(error), manifest.rows[index], column.name))
            continue
        entries.append((index, path))
        stamps[index] = stamp
    return Located(entries, stamps, findings)


def resolve(
    column: Column, found: Located, trained: NDArray[np.bool_], *, jobs: int, advance: Advance
) -> Form:
    """The column's settings: the declared ones, the others from its files' headers.

    ``trained`` (N,) marks the samples whose texts make the vocabulary, and whose cells of a table
    say what fills the others.
    """
    # Here, as in another process its absence would look like a file that nobody can read.
    check_installed(column.kind, column.settings)
    if is_declared(column.kind, column.settings):
        return form(column.kind, column.settings, [])
    own = {name: column.settings[name] for name in ("reader",) if name in column.settings}
    task = Task("measure", column.kind, column.files, own)
    entries = found.entries
    if column.kind in ("text", "table"):  # what training holds, and no other split
        entries = [entry for entry in entries if trained[entry[0]]]
    facts: list[Mapping[str, Any]] = []
    read = 0
    for outcomes, _ in outcomes_of(task, entries, jobs):
        more = [outcome["facts"] for outcome in outcomes if "facts" in outcome]
        facts = _joined(column.kind, facts, more)
        read += len(outcomes)
        advance(f"{column.name}: looking", read, len(entries))
    return form(column.kind, column.settings, facts)


def _joined(
    kind: str, facts: list[Mapping[str, Any]], more: list[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The facts with more of them, in bounded memory."""
    if not more:
        return facts
    if kind == "text":
        return merged([*facts, *more])
    if kind == "table":
        return counted([*facts, *more])
    if kind in AXES or kind == "numbers":
        facts = ranged(facts, more)
        return facts[:_ENOUGH] if kind == "numbers" else facts
    return facts + more


def read(
    manifest: Manifest, column: Column, found: Located, wanted: Form, store: Store | None,
    *, jobs: int, advance: Advance,
) -> Reading:  # fmt: skip
    """Every item of a column, decoded; rows that the store lacks are added to it."""
    reading = Reading(wanted, [b""] * len(manifest), found.stamps, list(found.findings))
    index = str(store.index) if store else None
    task = Task("decode", column.kind, column.files, wanted.settings, index, store is not None)
    finished = 0
    for outcomes, content in outcomes_of(task, found.entries, jobs):
        rows = iter(unpacked(content, wanted.shape, wanted.dtype))
        for outcome in outcomes:
            row = next(rows) if outcome["array"] else None
            _take(reading, outcome, manifest.rows[outcome["i"]], column.name)
            if store is not None and row is not None:
                codes = [code for code, _ in outcome["warnings"]]
                store.add(bytes.fromhex(outcome["digest"]), codes, row)
        finished += len(outcomes)
        advance(f"{column.name}: reading", finished, len(found.entries))
    if store is not None:
        store.flush()
    return reading


def outcomes_of(
    task: Task, entries: Sequence[Entry], jobs: int, *, ahead: int | None = None
) -> Generator[tuple[list[Outcome], bytes], None, None]:
    """What came of each entry, with the bytes of its arrays: in other processes, but cells and a
    few texts here. ``ahead`` is that of `answers`."""
    if task.files and (task.kind != "text" or len(entries) > ALONE):
        yield from answers(task, entries, jobs=jobs, ahead=ahead)
        return
    yield from _here(task, entries)


def _here(task: Task, entries: Sequence[Entry]) -> Iterator[tuple[list[Outcome], bytes]]:
    known = known_digests(task.index, RECORD) if task.files else frozenset()
    for at in range(0, len(entries), _BATCH):
        outcomes, arrays = done(task, entries[at : at + _BATCH], known)
        yield outcomes, packed(arrays)


def _take(reading: Reading, outcome: Outcome, row: int, modality: str) -> None:
    """Keep what is known of one item."""
    if "problem" in outcome:
        code, text = outcome["problem"]
        reading.findings.append(Finding(code, text, row, modality))
        return
    reading.digests[outcome["i"]] = bytes.fromhex(outcome["digest"])
    reading.findings += [Finding(code, text, row, modality) for code, text in outcome["warnings"]]
    if "shape" in outcome:
        shape = tuple(outcome["shape"])
        reading.shapes[shape] = reading.shapes.get(shape, 0) + 1
        if outcome["seconds"] is not None:
            reading.seconds.append(outcome["seconds"])
