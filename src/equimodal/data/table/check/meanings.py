"""What a header, a role or a cell of a table could also mean: questions to its author."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from equimodal.data.table.items.numbers import in_other_notation, in_two_ways
from equimodal.data.table.mixed.columns import doubts as mixed
from equimodal.data.table.reading.declaration import SPLIT_COLUMNS
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.reading.labels import placeholders
from equimodal.data.table.reading.roles import LABELS, Column, Manifest, repeats
from equimodal.data.table.reading.splits import NAMES

_UNNAMED = re.compile(r"Unnamed: \d+(_level_\d+)?|__index_level_\d+__")


def doubts(manifest: Manifest) -> list[Finding]:
    """All findings about what the table itself could mean; no file is opened for them."""
    found = [*_roles(manifest), *_headers(manifest), *manifest.truth.doubts()]
    found += placeholders(manifest.group or [], manifest.rows, "the group")
    for column in manifest.columns.values():
        if column.kind == "text" and not column.files:
            found += placeholders(column.cells, manifest.rows, "a cell", column.name)
        if column.kind == "numbers":
            found += _decimals(manifest, column)
        if column.kind == "table":
            found += mixed(column, manifest.rows)
    return [*found, *_notations(manifest), *_formats(manifest)]


def _roles(manifest: Manifest) -> Iterator[Finding]:
    """Another column with a usual name of the label, or of the split, that says another thing."""
    declared, taken = manifest.declaration, manifest.taken
    if not declared.label:
        own = _partition(manifest.labels)
        for name in _others(manifest, LABELS):
            cells = manifest.table.columns[name]
            if repeats(cells) and _partition(cells) != own:
                yield _two("label", taken["label"], name)
    if declared.split is None and manifest.split is not None:
        mine = [NAMES.get(cell.lower()) for cell in manifest.split]
        for name in _others(manifest, SPLIT_COLUMNS):
            codes = [NAMES.get(cell.lower()) for cell in manifest.table.columns[name]]
            if None not in codes and codes != mine:
                yield _two("split", taken["split"], name)


def _others(manifest: Manifest, usual: Sequence[str]) -> list[str]:
    """Unused columns with a usual name."""
    return [name for name in manifest.unused if name.lower() in usual]


def _two(role: str, chosen: str, other: str) -> Finding:
    return Finding(
        "roles",
        f"'{chosen}' and '{other}' could both be the {role}, and they differ; write `{role}: "
        f"{chosen}` (or the other) in the YAML",
    )


def _partition(cells: Sequence[str]) -> list[int]:
    """Equal numbers where cells are equal: (N,) -> (N,)."""
    places: dict[str, int] = {}
    return [places.setdefault(cell, len(places)) for cell in cells]


def _headers(manifest: Manifest) -> Iterator[Finding]:
    """Names that pandas gives to a column without one, and headers that occur again as a row."""
    for name, column in manifest.columns.items():
        if _UNNAMED.fullmatch(name) and name not in manifest.declaration.modalities:
            text = "is the name that pandas gives a column without one; name it, or declare it"
            yield Finding("header", text, None, column.name)
    columns = manifest.table.columns
    labels = manifest.labels
    for i in [i for i, label in enumerate(labels) if label == manifest.taken["label"]]:
        if all(cells[i] in ("", name) for name, cells in columns.items()):
            yield Finding("header", "repeats the header; delete the row", manifest.rows[i])


def _decimals(manifest: Manifest, column: Column) -> Iterator[Finding]:
    """The first cell of each part of a column that is one number or several."""
    for cells in column.parts:
        place = in_two_ways(cells)
        if place is not None:
            text = (
                f"'{cells[place][:40]}' is one number with a decimal comma or with groups of "
                "digits, or several numbers; write 1.75 for one and [1, 75] for two"
            )
            yield Finding("decimal", text, manifest.rows[place], column.name)


def _notations(manifest: Manifest) -> Iterator[Finding]:
    """Columns of numbers that would be words, or be left out, for how the numbers are written."""
    declared = manifest.declaration.modalities
    cells = {} if declared else {name: manifest.table.columns[name] for name in manifest.unused}
    for name, column in manifest.columns.items():
        known = name in declared and declared[name].kind
        if column.kind == "text" and not column.files and not known:
            cells[name] = column.cells
    for name, found in cells.items():
        place = in_other_notation(found)
        if place is not None:
            text = (
                f"'{found[place][:40]}' looks like numbers in a notation that is not read, and "
                f"would be {'words' if name in manifest.columns else 'left out'}; write numbers "
                "such as -1.5, 1000 and 1e5, or declare the kind of the column (text for words)"
            )
            yield Finding("notation", text, manifest.rows[place], name)


def _formats(manifest: Manifest) -> Iterator[Finding]:
    """Columns that are left out although they name files."""
    for name, said in manifest.unread.items():
        yield Finding("format", said, None, name)
