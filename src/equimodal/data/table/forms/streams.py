"""Arrow streams, as Hugging Face datasets save them: columns of cells, and of whole files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from equimodal.data.table.forms.embedded import check_count, content_in, holds_files, paths_in
from equimodal.data.table.forms.features import Names, named_cell, names_of
from equimodal.data.table.reading.extras import extra
from equimodal.errors import DataError

SUFFIX = ".arrow"
_END = b"\xff\xff\xff\xff\0\0\0\0"
_PURPOSE = "an Arrow file"


def columns_of(path: Path, place: str, told: Names) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and the cells of each; those of files start with ``place``.

    Args:
        path: the file.
        place: its path from the data root.
        told: names of classes, of what lies beside the file.

    Raises:
        DataError: it is damaged, or holds values that no cell can.
    """
    arrow, ipc = extra("pyarrow", _PURPOSE), extra("pyarrow.ipc", _PURPOSE)
    try:
        with arrow.memory_map(str(path)) as file:
            reader = ipc.open_stream(file)
            fields, classes = list(reader.schema), names_of(path, reader.schema, told)
            batches = list(_batches(path, file, reader))
            names = [field.name for field in fields]
            held = []
            for at, field in enumerate(fields):
                own = (batch.column(at) for batch in batches)
                if holds_files(field.type):
                    values = (value for column in own for value in column)
                    held.append(list(paths_in(place, field.name, values)))
                    continue
                known = classes.get(field.name)
                cells = (value for column in own for value in column.to_pylist())
                held.append([named_cell(path, r, v, known) for r, v in enumerate(cells, start=1)])
    except (arrow.ArrowException, ValueError, OverflowError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path.name} is damaged or no Arrow stream ({error}).") from error
    return names, held


def _batches(path: Path, file: Any, reader: Any) -> Iterator[Any]:
    """The batches of rows, each checked: what a file says of itself can lead beyond its end.

    Raises:
        DataError: the file ends before its mark of the end, where a whole batch could be lost.
    """
    rows = 0
    for batch in reader:
        rows += batch.num_rows
        check_count(path.name, rows, len(reader.schema))
        batch.validate(full=True)
        yield batch
    file.seek(max(file.tell() - len(_END), 0))
    if file.read(len(_END)) != _END:
        raise DataError(f"{path.name} is cut short: the mark of its end is missing; copy it again.")


def content_of(table: str, inside: str) -> bytes:
    """The file at ``<column>/<row>/<name>``, rows from 1.

    Raises:
        Unfit: there is none.
    """
    return content_in(inside, *_groups(table))


@lru_cache(maxsize=4)
def _groups(table: str) -> tuple[list[int], Any]:
    """How many rows stand before each batch, and what gives a column of one."""
    arrow, ipc = extra("pyarrow", _PURPOSE), extra("pyarrow.ipc", _PURPOSE)
    batches = list(ipc.open_stream(arrow.memory_map(table)))  # mapped, and read where asked for
    starts = [0]
    for batch in batches:
        starts.append(starts[-1] + batch.num_rows)

    @lru_cache(maxsize=1)
    def group(column: str, place: int) -> Any:
        found = batches[place].column(column)
        found.validate(full=True)
        return found

    return starts[:-1], group
