"""The rows that a model is asked about: a table or columns, and what the network takes of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from equimodal.checks import require, require_known
from equimodal.data.presence import PRESENT
from equimodal.data.table import FORMS, is_manifest
from equimodal.data.table.fitted.columns import FittedColumn
from equimodal.data.table.fitted.reading import Block, blocks
from equimodal.data.table.reading.roles import cells_of
from equimodal.data.table.reading.table import Table, read_table
from equimodal.errors import DataError, quoted
from equimodal.training.setup import EVALUATION_ROWS
from equimodal.workers.process import processors

if TYPE_CHECKING:
    from equimodal.saved.prediction import Asked

Rows = str | Path | Mapping[str, Any]
"""A table by its path, or columns by their names: cells, or an array of numbers (N, D)."""


def opened(
    model: Asked, rows: Rows, root: str | Path | None, *, blank: bool = False
) -> tuple[Table, str]:
    """The table, and the folder that its paths start from; ``blank`` is that of `read_table`.

    Raises:
        BalanceError: a column of the model is missing, or the table cannot be read.
    """
    if isinstance(rows, Mapping):
        table, folder = _columns(rows), Path(root or ".")
        for name in table.columns:
            require_known("column", name, sources_of(model))
    else:
        given = "rows must be a path or columns by name, such as 'new.csv' or {'age': ['30', '41']}"
        require(isinstance(rows, str | Path), given, rows, error=DataError)
        path = Path(rows)
        if not (is_manifest(str(rows)) or path.is_dir()):
            raise DataError(f"'{path}' is no table; give the path of one ({FORMS}).")
        table, folder = read_table(path, blank=blank), Path(root or path.parent)
    if not folder.is_dir():
        raise DataError(f"The data root '{folder}' is no folder; give the one that paths start at.")
    for name, column in model.columns.items():
        for source in column.sources:
            if source in table.columns or not column.missing:
                table.column(source, f"the modality '{name}'")
    return table, os.path.realpath(folder)


def cells(table: Table, column: FittedColumn) -> list[str]:
    """The cells of a modality; where it may be missing, empty ones of columns that are not there.

    Where some of its columns alone are empty, a cell that holds no numbers, or of a table one that
    is filled.
    """
    parts = [cells_under(table, source) for source in column.sources]
    return cells_of(parts, kind=column.kind, some=column.missing)


def sources_of(model: Asked) -> list[str]:
    """The columns that the model reads."""
    return [source for column in model.columns.values() for source in column.sources]


def lacking(model: Asked, table: Table) -> list[str]:
    """What no row has: modalities, or "modality: column" where it has other columns of one."""
    found = []
    for name, column in model.columns.items():
        gone = [one for one in column.sources if not any(cells_under(table, one))]
        found += [name] if len(gone) == len(column.sources) else [f"{name}: {g}" for g in gone]
    return found


def cells_under(table: Table, source: str) -> list[str]:
    """The cells of a column, empty ones where the table has no such column. (N,)"""
    return table.columns.get(source, [""] * len(table.rows))


def inputs_of(model: Asked, block: Block) -> dict[str, Tensor]:
    """What the network takes of the rows that could be read: prepared arrays, and which modalities
    each row has where it may lack some. {m: (n, ...), PRESENT: (n, M)}"""
    inputs = model.prepared(block.arrays)
    if may_lack(model):
        inputs[PRESENT] = torch.from_numpy(block.present)
    return inputs


def inputs_of_all(
    model: Asked, table: Table, root: str, *, jobs: int | None = None
) -> dict[str, Tensor]:
    """`inputs_of` of every row of a table.

    Raises:
        DataError: one cannot be read.
    """
    held = {m: cells(table, column) for m, column in model.columns.items()}
    parts = []
    for block in blocks(model.columns, held, root, size=EVALUATION_ROWS, jobs=jobs or processors()):
        if block.problems:
            index, text = next(iter(block.problems.items()))
            raise DataError(f"Row {table.rows[index]} cannot be read: {text}; leave it out.")
        parts.append(inputs_of(model, block))
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def may_lack(model: Asked) -> bool:
    """Whether rows may lack a modality."""
    return any(column.missing for column in model.columns.values())


def _written(cells: Any) -> Sequence[str]:
    """Cells as they are; an array of numbers, (N,) or (N, D), as the cells that hold them."""
    if getattr(cells, "ndim", 0) in (1, 2) and hasattr(cells, "tolist"):
        rows = cells.tolist()  # NaN, which is no equal of itself, is no number
        return [row if isinstance(row, str) else json.dumps(row) if row == row else ""
                for row in rows]  # fmt: skip
    found: Sequence[str] = cells
    return found


def _columns(given: Mapping[str, Any]) -> Table:
    columns = {}
    for name, held in given.items():
        cells = _written(held)
        listed = isinstance(cells, Sequence) and not isinstance(cells, str)
        if not listed or not all(isinstance(cell, str) for cell in cells):
            raise DataError(
                f"The column '{name}' must be a list of texts, as the cells of a table are, or an "
                f"array of numbers; found {quoted(held)}."
            )
        columns[name] = [cell.strip() for cell in cells]
    counts = {name: len(cells) for name, cells in columns.items()}
    if len(set(counts.values())) != 1 or not next(iter(counts.values())):
        raise DataError(f"Columns must have the same number of rows, at least one; found {counts}.")
    return Table(columns, list(range(1, next(iter(counts.values())) + 1)))
