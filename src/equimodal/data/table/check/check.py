"""The check of a manifest: everything is read once, nothing is decided and nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equimodal.data.progress import shown
from equimodal.data.table.check.cells import cell_findings
from equimodal.data.table.check.judgement import judged
from equimodal.data.table.check.meanings import doubts
from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.reading.findings import WARNINGS, Finding, problems
from equimodal.data.table.reading.reading import Reading, locate, read, resolve
from equimodal.data.table.reading.roles import Manifest, read_manifest
from equimodal.data.table.reading.splits import assign
from equimodal.data.table.store.prepared import settings_in_force
from equimodal.workers.process import processors


@dataclass(frozen=True)
class Report:
    """What a check found.

    ``settings`` holds kind and settings in force of each modality, ``balance`` the samples of each
    class or label by split, or what its numbers are there, ``sizes`` all of a split; ``problems``
    are without those that the YAML allows, which are ``allowed``.
    """

    manifest: Manifest
    split_note: str
    balance: Mapping[str, dict[str, Any]]
    sizes: Mapping[str, int]
    settings: Mapping[str, dict[str, Any]]
    readings: Mapping[str, Reading]
    problems: list[Finding]
    allowed: list[Finding]
    warnings: list[Finding]


def check(
    path: str | Path,
    *,
    root: str | Path | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> Report:
    """Read every file of a manifest, in parallel processes, and report.

    Args:
        path: the table.
        root: folder that its paths start from; by default the table's own.
        jobs: processes; by default one a processor.
        progress: show how far it is, on the error stream.

    Raises:
        DataError: the table or its YAML cannot be read at all.
    """
    manifest = read_manifest(path, root=root)
    assignment = assign(manifest)
    findings, readings = cell_findings(manifest) + doubts(manifest), {}
    with shown(progress=progress) as advance:
        for name, column in manifest.columns.items():
            found = locate(manifest, column)
            trained = assignment.codes == 0
            form = resolve(column, found, trained, jobs=jobs or processors(), advance=advance)
            readings[name] = read(
                manifest, column, found, form, None, jobs=jobs or processors(), advance=advance
            )
    findings += [finding for reading in readings.values() for finding in reading.findings]
    findings += judged(manifest, assignment, readings)
    wrong, refused = problems(findings), problems(findings, manifest.declaration.allow)
    return Report(
        manifest, assignment.note, manifest.truth.balance(assignment.codes),
        {split: int((assignment.codes == code).sum()) for code, split in enumerate(SPLITS)},
        settings_in_force(manifest, readings), readings, refused,
        [finding for finding in wrong if finding not in refused],
        [finding for finding in findings if finding.code in WARNINGS],
    )  # fmt: skip
