"""What is wrong with a manifest as a whole: its labels, its splits, and what occurs twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from equimodal.data.table.check.cells import never_there
from equimodal.data.table.check.telling import telling
from equimodal.data.table.items.decode import DIGEST
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.reading.labels import alike
from equimodal.data.table.reading.reading import Reading
from equimodal.data.table.reading.roles import Manifest
from equimodal.data.table.reading.splits import Assignment, named
from equimodal.data.table.truth.truth import Codes

_MISSING = bytes(DIGEST)


def judged(
    manifest: Manifest, assignment: Assignment, readings: Mapping[str, Reading]
) -> list[Finding]:
    """All findings that need more than one item."""
    found: list[Finding] = []
    if "group" in manifest.taken:  # there, a sample without a group has an empty cell
        found += alike(manifest.table.columns[manifest.taken["group"]], manifest.rows)
    found += telling(manifest, assignment.codes, readings)
    found += assignment.findings + manifest.truth.judged(assignment.codes)
    found += never_there(manifest, assignment.codes)
    for name, column in manifest.columns.items():
        if column.files and name in readings:
            found += _repeats(manifest, assignment.codes, readings[name].digests, name)
    return found + _whole_samples(manifest, assignment.codes, readings)


def _repeats(
    manifest: Manifest, codes: Codes, digests: list[bytes], modality: str
) -> list[Finding]:
    """Files whose content is in two splits, once for each content."""
    found = []
    for places in _groups(digests).values():
        apart = [i for i in places if codes[i] != codes[places[0]]]
        if apart:
            found.append(Finding(
                "leakage",
                f"the same content is in {_where(manifest, codes, apart[0])} and in "
                f"{_where(manifest, codes, places[0])}",
                manifest.rows[apart[0]],
                modality,
            ))  # fmt: skip
    return found


def _whole_samples(
    manifest: Manifest, codes: Codes, readings: Mapping[str, Reading]
) -> list[Finding]:
    """Samples that agree in every modality: in two splits, or more than once in one."""
    columns = [
        [digest or (_MISSING if manifest.columns[name].missing else b"") for digest in own.digests]
        for name, own in readings.items()
    ]
    joined = [b"".join(parts) if all(parts) else b"" for parts in zip(*columns, strict=True)]
    files = any(column.files for column in manifest.columns.values())
    found = []
    for places in _groups(joined).values():
        first, again = places[0], places[1]
        apart = [i for i in places if codes[i] != codes[first]]
        labels = {manifest.labels[i] for i in places}
        told = f" under the labels {', '.join(sorted(labels))}" if len(labels) > 1 else ""
        if apart and not files:
            text = f"the same sample is in {_where(manifest, codes, first)}{told}"
            found.append(Finding("leakage", text, manifest.rows[apart[0]]))
        elif not apart:
            text = f"repeats {_where(manifest, codes, first)}{told}"
            found.append(Finding("repeated", text, manifest.rows[again]))
    return found


def _groups(digests: list[bytes]) -> dict[bytes, list[int]]:
    """The samples of every content that occurs twice or more."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for place, digest in enumerate(digests):
        if digest:
            found[digest].append(place)
    return {digest: places for digest, places in found.items() if len(places) > 1}


def _where(manifest: Manifest, codes: Codes, place: int) -> str:
    return f"{named(codes[place])} (row {manifest.rows[place]})"
