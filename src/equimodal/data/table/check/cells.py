"""Empty cells: which may be, and what a table lacks because of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.reading.roles import ALONE, Column, Manifest
from equimodal.data.table.truth.truth import Codes


def cell_findings(manifest: Manifest) -> list[Finding]:
    """Empty cells, and the columns that are not used."""
    found: list[Finding] = []
    for column in manifest.columns.values():
        found += _empty(manifest.rows, column)
    columns = [column.cells for column in manifest.columns.values()]
    if any(column.missing for column in manifest.columns.values()):
        found += [
            Finding("cell", "has no modality at all; delete the row", row)
            for row, *cells in zip(manifest.rows, *columns, strict=True)
            if not any(cells)
        ]
    found += [
        Finding("alone", "has no group, and is a group of its own", row)
        for row, group in zip(manifest.rows, manifest.group or (), strict=False)
        if group.startswith(ALONE)
    ]
    if manifest.unused:
        names = ", ".join(manifest.unused)
        found.append(Finding("column", f"not used: {names}; declare them to use them"))
    return found


def _empty(rows: Sequence[int], column: Column) -> Iterator[Finding]:
    """Cells of a modality that are empty and may not be, or are in some of its columns alone."""
    for place, (row, cell) in enumerate(zip(rows, column.cells, strict=True)):
        if cell:
            continue
        if not column.missing:
            gone = [name for name, part in zip(column.sources, column.parts, strict=False)
                    if not part[place]]  # fmt: skip
            where = f" in '{gone[0]}'" if column.kind == "table" else ""
            text = f"is empty{where}; if samples may lack it, write `missing: allow` in the YAML"
            yield Finding("cell", text, row, column.name)
        elif any(part[place] for part in column.parts):
            names = zip(column.sources, column.parts, strict=True)
            empty = ", ".join(f"'{name}'" for name, part in names if not part[place])
            yield Finding("cell", f"is empty in {empty} and not in its other columns", row,
                          column.name)  # fmt: skip


def never_there(manifest: Manifest, codes: Codes) -> list[Finding]:
    """Modalities that all samples of a split lack."""
    found = []
    for column in manifest.columns.values():
        there = np.array([bool(cell) for cell in column.cells])
        found += [
            Finding("split", f"is missing in all samples of {split}", None, column.name)
            for code, split in enumerate(SPLITS)
            if column.missing and (codes == code).any() and not there[codes == code].any()
        ]
        trained = np.flatnonzero(codes == 0)
        found += [
            Finding("split", f"'{name}' is empty in all samples of train", None, column.name)
            for name, part in zip(column.sources, column.parts, strict=False)
            if column.kind == "table" and len(trained) and not any(part[i] for i in trained)
        ]
    return found
