"""From a table to a folder that training opens: every item decoded once, nothing read again.

``<cache>/manifests/<name>-<key>/<fingerprint>`` holds ``prepared.json`` and ``rows.npz``; the
fingerprint follows from contents, labels, split and settings, so that a folder never changes.
``latest.npz`` beside them remembers sizes and times of the files: while they stay, a repeat opens
no file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from equimodal.data.progress import Advance, say, shown
from equimodal.data.table import stem_of
from equimodal.data.table.check.cells import cell_findings
from equimodal.data.table.check.judgement import judged
from equimodal.data.table.check.meanings import doubts
from equimodal.data.table.reading.findings import (
    ALLOWED,
    PROBLEMS,
    WARNINGS,
    Finding,
    problems,
    summary,
)
from equimodal.data.table.reading.reading import (
    Located,
    Reading,
    locate,
    read,
    resolve,
)
from equimodal.data.table.reading.roles import Manifest, read_manifest
from equimodal.data.table.reading.splits import Assignment, assign
from equimodal.data.table.store.cache import Store, check_room, default_folder, limit
from equimodal.data.table.store.prepared import (
    latest_folder,
    stamp_of,
    write_latest,
    write_prepared,
)
from equimodal.data.target import CLASSES
from equimodal.errors import DataError, counted
from equimodal.storage.locks import locked
from equimodal.workers.process import processors

_PATIENCE = 3600.0  # seconds to wait for another process that prepares
_WAITS = "Another process is preparing data in '{}'; waiting until it ends."


@dataclass(frozen=True)
class Work:
    """A manifest on its way: what it is, its splits, and the files of each column."""

    manifest: Manifest
    assignment: Assignment
    located: dict[str, Located]


def prepare(
    path: str | Path,
    *,
    root: str | Path | None = None,
    cache: str | Path | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> Path:
    """The folder of a manifest's prepared data, made where it does not exist.

    Args:
        path: the table.
        root: folder that its paths start from; by default the table's own.
        cache: folder of the decoded items; by default `cache.default_folder`.
        jobs: processes that read files; by default one a processor.
        progress: show how far it is, on the error stream.

    Raises:
        DataError: the data have problems (the message names the first rows), or the cache has no
            room or cannot be written.
    """
    manifest = read_manifest(path, root=root)
    home = _home(Path(cache) if cache is not None else default_folder(), manifest)
    found = {name: locate(manifest, column) for name, column in manifest.columns.items()}
    work = Work(manifest, assign(manifest), found)
    stamp = stamp_of(manifest)
    stamps = {name: place.stamps for name, place in found.items()}
    if (ready := latest_folder(home, stamp, stamps)) is not None:
        return ready
    cache_folder = home.parent.parent
    owned = locked(
        cache_folder, patience=_PATIENCE, option="--cache",
        waits=lambda: say(_WAITS.format(cache_folder), progress=progress),
    )  # fmt: skip
    with owned, shown(progress=progress) as advance:
        # Of several processes that train together, the first has done it for all.
        if (ready := latest_folder(home, stamp, stamps)) is not None:
            return ready
        return _prepared(work, home, stamp, jobs or processors(), advance)


def _prepared(work: Work, home: Path, stamp: str, jobs: int, advance: Advance) -> Path:
    manifest, assignment = work.manifest, work.assignment
    findings = cell_findings(manifest) + doubts(manifest)
    refuse(manifest, [*findings, *(f for place in work.located.values() for f in place.findings)])
    readings, stores = {}, {}
    for name in manifest.columns:
        readings[name], stores[name] = _stored(work, name, home.parent.parent, jobs, advance)
        refuse(manifest, readings[name].findings)
    findings += [f for reading in readings.values() for f in reading.findings]
    findings += _remembered(manifest, readings, stores)
    findings += judged(manifest, assignment, readings)
    refuse(manifest, findings)
    note = f"{len(manifest):,} samples of a user's table. {assignment.note}{_told(findings)}"
    print_ = fingerprint(manifest, assignment, readings)
    folder = home / print_
    write_prepared(folder, manifest, assignment, readings, stores, note=note, fingerprint=print_)
    stamps = {name: reading.stamps for name, reading in readings.items()}
    write_latest(home, stamp, stamps, print_)
    return folder


def refuse(manifest: Manifest, findings: list[Finding]) -> None:
    """Raise `DataError` where a finding is a problem that the user has not accepted."""
    found = problems(findings, manifest.declaration.allow)
    if found:
        raise DataError(
            f"{manifest.path.name} has {counted(len(found), 'problem')}: {summary(found)}. See "
            f"them all with `equimodal data check {manifest.path.name}`."
            f"{_permission(manifest, found)}"
        )


def _permission(manifest: Manifest, found: list[Finding]) -> str:
    """How to accept the problems, where all of them can be."""
    codes = sorted({finding.code for finding in found})
    if not set(codes) <= set(ALLOWED):
        return ""
    return (
        f" If they are meant, write `allow: [{', '.join(codes)}]` in {stem_of(manifest.path)}.yaml."
    )


def _stored(
    work: Work, name: str, cache: Path, jobs: int, advance: Advance
) -> tuple[Reading, Store]:
    """A modality, read into its store."""
    column, found = work.manifest.columns[name], work.located[name]
    form = resolve(column, found, work.assignment.codes == 0, jobs=jobs, advance=advance)
    store = Store(cache, column.kind, form.settings, form.shape, form.dtype)
    store.open()
    new = max(0, len({cell for _, cell in found.entries}) - len(store.slots))
    check_room(cache, new * store.row_bytes, limit())
    try:
        reading = read(work.manifest, column, found, form, store, jobs=jobs, advance=advance)
    finally:
        store.close()
    return reading, store


def _remembered(
    manifest: Manifest, readings: Mapping[str, Reading], stores: Mapping[str, Store]
) -> list[Finding]:
    """Warnings of rows that were in the cache already, and so were not looked at again."""
    found = []
    for name, reading in readings.items():
        said = {(f.row, f.code) for f in reading.findings}
        for index, digest in enumerate(reading.digests):
            if not digest:
                continue
            for code in stores[name].warnings(stores[name].slots[digest]):
                row = manifest.rows[index]
                if (row, code) not in said:
                    found.append(Finding(code, {**PROBLEMS, **WARNINGS}[code], row, name))
    return found


def _told(findings: list[Finding]) -> str:
    """The warnings in a sentence."""
    parts = []
    for code, words in WARNINGS.items():
        mine = [finding for finding in findings if finding.code == code]
        if mine:
            parts.append(mine[0].text if code == "column" else f"{len(mine)} {words}")
    return f" Noted: {'; '.join(parts)}." if parts else ""


def fingerprint(manifest: Manifest, assignment: Assignment, readings: Mapping[str, Reading]) -> str:
    """A name for all that training sees of the data; it does not depend on where they are."""
    found = hashlib.blake2b(digest_size=8)
    found.update(json.dumps([manifest.labels, list(readings)]).encode())
    target = manifest.truth.target(assignment.codes)
    if target != CLASSES:
        about = [target.task, manifest.truth.names, target.weight, manifest.declaration.separator]
        found.update(json.dumps(about).encode())
    found.update(assignment.codes.tobytes())
    if manifest.group is not None:
        found.update(json.dumps(manifest.group).encode())
    for name, reading in readings.items():
        kind = manifest.columns[name].kind
        found.update(json.dumps([kind, reading.form.settings], sort_keys=True).encode())
        if reading.form.variation:
            found.update(json.dumps(reading.form.variation, sort_keys=True).encode())
        found.update(b"".join(reading.digests))
        if not all(reading.digests):
            found.update(bytes(bool(digest) for digest in reading.digests))
    return found.hexdigest()


def _home(cache: Path, manifest: Manifest) -> Path:
    """The manifest's folder in the cache: by its own path and its root."""
    place = json.dumps([str(manifest.path.resolve()), manifest.root])
    key = hashlib.blake2b(place.encode(), digest_size=6).hexdigest()
    home = cache.absolute() / "manifests" / f"{stem_of(manifest.path)}-{key}"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The cache '{cache}' cannot be written ({error.strerror}); choose a folder with "
            "--cache."
        ) from error
    return home
