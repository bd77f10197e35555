"""What each column of a table is: label, split, group or a modality."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from equimodal.checks import require_modality_names
from equimodal.data.table import stem_of
from equimodal.data.table.items import tables
from equimodal.data.table.items.numbers import joined
from equimodal.data.table.items.text.pretrained_tokens import is_pretrained, located
from equimodal.data.table.mixed.columns import sides
from equimodal.data.table.reading.declaration import (
    SPLIT_COLUMNS,
    Declaration,
    Declared,
    read_declaration,
)
from equimodal.data.table.reading.kinds import infer, names_files, unread
from equimodal.data.table.reading.table import Table, read_table
from equimodal.data.table.truth.declared import truth_of
from equimodal.data.table.truth.truth import Truth
from equimodal.errors import BalanceError, DataError, counted

LABELS = ("label", "class", "target", "category", "y")
GROUPS = ("group",)
ALONE = "\0"


@dataclass(frozen=True)
class Column:
    """One modality of a manifest: its kind, its cells (N,), and the settings that are declared.

    ``files`` says whether the cells are paths; ``encoder`` is the declared one, or ""; ``parts``
    are the columns of the table whose cells are joined here, ``sources`` their names; ``missing``
    says whether a cell may be empty, ``open`` what is not said of columns, see `mixed.columns`.
    """

    name: str
    kind: str
    cells: list[str]
    settings: Mapping[str, Any]
    files: bool
    encoder: str = ""
    parts: tuple[list[str], ...] = ()
    sources: tuple[str, ...] = ()
    missing: bool = False
    open: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A table with the role of each column; ``split`` and ``group`` (N,) are None where absent.

    ``taken`` maps "label", "split" and "group" to their columns in ``table``; ``unread`` says of
    unused columns that they name files.
    """

    path: Path
    root: str
    declaration: Declaration
    rows: list[int]
    truth: Truth
    split: list[str] | None
    group: list[str] | None
    columns: dict[str, Column]
    unused: tuple[str, ...]
    table: Table = field(default_factory=lambda: Table({}, []))
    taken: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> list[str]:
        """What the target is of each sample, in a text. (N,)"""
        return self.truth.texts


def read_manifest(path: str | Path, *, root: str | Path | None = None) -> Manifest:
    """The manifest in a table, with the declaration beside it.

    Args:
        path: the table.
        root: folder that its paths are relative to and must stay under; by default the table's.

    Raises:
        DataError: the table or its YAML is wrong, or there are fewer than two modalities.
    """
    path = Path(path)
    table, declaration = read_table(path), read_declaration(path)
    folder = _root(path, root)
    labels = _labels(table, declaration.label)
    if not labels:
        raise DataError(
            f"{path.name} has no label column: none of its columns {', '.join(table.columns)} is "
            f"called {' or '.join(LABELS)}; write `label: <column>` in {stem_of(path)}.yaml "
            "beside it."
        )
    split = None if declaration.ratios else _chosen(table, declaration.split, SPLIT_COLUMNS)
    group = _chosen(table, declaration.group, GROUPS)
    taken = {
        role: name
        for role, name in (("label", labels[0]), ("split", split), ("group", group))
        if name is not None
    }
    held = {*taken.values(), *labels}
    declared = declaration.modalities or _inferable(table, held)
    declared = {name: _with_paths(entry, path.parent) for name, entry in declared.items()}
    if declaration.missing:
        declared = {name: replace(entry, missing=True) for name, entry in declared.items()}
    columns = {name: _column(table, name, entry, folder) for name, entry in declared.items()}
    found = {name: column for name, column in columns.items() if column is not None}
    used = {name for entry in map(declared.get, found) if entry for name in entry.columns}
    unused = tuple(n for n in table.columns if n not in used and n not in held)
    undeclared = [] if declaration.modalities else unused
    said = {n: text for n in undeclared if (text := unread(table.columns[n], folder))}
    if not said or "format" in declaration.allow:
        _check_count(path, found, unused)
    _check_names(path, found)
    return Manifest(
        path, folder, declaration, table.rows, truth_of(table, labels, declaration),
        table.column(split, "the split") if split else None,
        groups_of(table.column(group, "the group")) if group else None,
        found, unused, table, taken, said,
    )  # fmt: skip


def _root(path: Path, root: str | Path | None) -> str:
    folder = Path(root) if root is not None else path.parent
    if not os.path.isdir(folder):  # also of a name that no system takes
        raise DataError(
            f"The data root '{folder}' is no folder; give the one that the paths in {path.name} "
            "start from."
        )
    return os.path.realpath(folder)


def _chosen(table: Table, declared: str | None, usual: Sequence[str]) -> str | None:
    """The declared column, which must exist, or the first with a usual name."""
    if declared is not None:
        table.column(declared, "what the YAML declares")
        return declared
    by_name = {name.lower(): name for name in reversed(table.columns)}
    return next((by_name[name] for name in usual if name in by_name), None)


def _labels(table: Table, declared: Sequence[str]) -> tuple[str, ...]:
    """The columns of the target: the declared ones, which must exist, or one of a usual name."""
    for name in declared:
        table.column(name, "the label that the YAML declares")
    usual = _chosen(table, None, LABELS)
    return tuple(declared) or (() if usual is None else (usual,))


def _inferable(table: Table, taken: Iterable[str]) -> dict[str, Declared]:
    """Every other column, but for those that hold a label under another usual name."""
    taken = set(taken)
    return {
        name: Declared((name,), "", {})
        for name, cells in table.columns.items()
        if name not in taken and not (name.lower() in LABELS and repeats(cells))
    }


def repeats(cells: Sequence[str]) -> bool:
    """Whether a column holds few values, as labels do: at most one for every two rows."""
    return 1 < len(set(cells)) <= len(cells) / 2


def groups_of(cells: Sequence[str]) -> list[str]:
    """The groups of all samples; a sample without one is a group of its own."""
    return [cell or f"{ALONE}{place}" for place, cell in enumerate(cells)]


def _with_paths(declared: Declared, folder: Path) -> Declared:
    """The declaration with the paths of the tokenizer and the encoder that it names."""
    settings = dict(declared.settings)
    if is_pretrained(tokens := settings.get("tokens")):
        settings["tokens"] = located(tokens, folder)
    encoder = declared.encoder
    return replace(
        declared, settings=settings,
        encoder=located(encoder, folder) if is_pretrained(encoder) else encoder,
    )  # fmt: skip


def cells_of(parts: Sequence[list[str]], *, kind: str = "", some: bool = False) -> list[str]:
    """The cells of a modality, of its columns together; empty where one of them is, or with
    ``some`` where all are."""
    enough, one = any if some else all, tables.joined if kind == "table" else joined
    return [one(row) if enough(row) else "" for row in zip(*parts, strict=True)]


def _column(table: Table, name: str, declared: Declared, root: str) -> Column | None:
    parts = {part: table.column(part, f"the modality '{name}'") for part in declared.columns}
    if declared.kind == "table":
        return _of_table(name, declared, parts)
    cells = cells_of(list(parts.values()))
    kind = declared.kind or infer(name, cells, root)
    if kind is None:
        return None
    files = names_files(kind, cells)
    return Column(
        name, kind, cells, declared.settings, files, declared.encoder,
        tuple(parts.values()) if kind == "numbers" else (), declared.columns, declared.missing,
    )  # fmt: skip


def _of_table(name: str, declared: Declared, parts: Mapping[str, list[str]]) -> Column:
    """Columns of numbers and categories, the numbers first."""
    found = sides(parts, declared.settings)
    names = (*found.numbers, *found.categories)
    settings = {
        **declared.settings,
        "numbers": list(found.numbers),
        "categories": list(found.categories),
    }
    own = tuple(parts[part] for part in names)
    cells = cells_of(own, kind="table", some=declared.missing)
    return Column(
        name, "table", cells, settings, False, declared.encoder, own, names, declared.missing,
        found.open,
    )  # fmt: skip


def _check_count(path: Path, found: Mapping[str, Column], unused: Sequence[str]) -> None:
    if len(found) < 2:
        raise DataError(
            f"{path.name} has {counted(len(found), 'modality', 'modalities')} "
            f"({', '.join(found) or 'none'}), balancing "
            f"needs two or more. Not used: {', '.join(unused) or 'none'}; name a column and its "
            f"kind under `modalities` in {stem_of(path)}.yaml to use it."
        )


def _check_names(path: Path, found: Iterable[str]) -> None:
    try:
        require_modality_names(found)
    except BalanceError as error:
        raise DataError(
            f"{path.name}: {error} A column may keep its name: declare it in {stem_of(path)}.yaml "
            "beside the table, as `modalities: {audio: {column: its name}}`."
        ) from None
