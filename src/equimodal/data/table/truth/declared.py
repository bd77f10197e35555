"""From what the YAML says of the target to its columns."""

from __future__ import annotations

from equimodal.data.table.reading.declaration import Declaration
from equimodal.data.table.reading.table import Table
from equimodal.data.table.truth.classes import Classes
from equimodal.data.table.truth.numbers import Numbers
from equimodal.data.table.truth.several import Labels
from equimodal.data.table.truth.truth import Truth
from equimodal.data.target import MULTI_LABEL, REGRESSION


def truth_of(table: Table, columns: tuple[str, ...], declaration: Declaration) -> Truth:
    """The target of a table in some columns.

    Raises:
        DataError: a column is missing.
    """
    cells = tuple(table.column(name, "the label") for name in columns)
    if declaration.task == MULTI_LABEL:
        return Labels(columns, cells, table.rows, declaration.separator)
    if declaration.task == REGRESSION:
        return Numbers(columns, cells, table.rows)
    declared = declaration.task is not None
    return Classes(columns, cells, table.rows, declaration.weight, declared)
