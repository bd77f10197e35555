"""What `equimodal data my.csv` prints: how the columns of a table are understood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from equimodal.data.table import stem_of
from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.reading.roles import Column, Manifest, read_manifest
from equimodal.data.table.reading.settings import KINDS
from equimodal.data.table.reading.splits import assign


def explained(path: str | Path, *, root: str | Path | None = None) -> str:
    """Label, split and modalities of a table; no file that it names is read whole.

    Raises:
        DataError: the table or its YAML is wrong.
    """
    manifest = read_manifest(path, root=root)
    return "\n".join(_lines(manifest))


def _lines(manifest: Manifest) -> Iterator[str]:
    yield f"{manifest.path.name}: {len(manifest):,} samples of {manifest.truth.title}"
    assignment = assign(manifest)
    counts = [int(np.sum(assignment.codes == code)) for code in range(len(SPLITS))]
    sizes = ", ".join(f"{n:,} {split}" for n, split in zip(counts, SPLITS, strict=True))
    yield f"{assignment.note} {sizes}."
    yield from (_modality(column) for column in manifest.columns.values())
    if manifest.unused:
        yield f"not used: {', '.join(manifest.unused)}"
    yield f"Check every file: equimodal data check {manifest.path}"
    yaml = f"{stem_of(manifest.path)}.yaml"
    yield f"Settings are declared in {yaml} beside it; docs/manifest.md explains them."


def _modality(column: Column) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in column.settings.items())
    known = ", ".join(KINDS[column.kind].settings) or "no settings"
    what = "files" if column.files else "cells"
    return f"{column.name}: {column.kind} ({what}; {settings or f'may declare {known}'})"
