"""Parquet: columns of cells, and columns of whole files, which stay where they are.

A cell of the second kind is the path ``<table>.parquet/<column>/<row>/<name>`` of a file that is
inside the table, and is read from there row group by row group.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from equimodal.data.table.forms import values
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.formats import HEAD, content_format
from equimodal.errors import DataError

SUFFIX = ".parquet"
MOST_BYTES = 2**31
"""Bytes that the files of a column may have in one row group: it is read as a whole."""
_BATCH = 1024
_MOST_IN_A_BATCH = 2**28


def columns_of(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and the cells of each.

    Raises:
        DataError: it is damaged, or holds values that no cell can.
    """
    parquet = extra("pyarrow.parquet", "a Parquet file")
    arrow = extra("pyarrow", "a Parquet file")
    try:
        with parquet.ParquetFile(path) as file:
            fields = list(file.schema_arrow)
            names = [field.name for field in fields]
            inside = [field.name for field in fields if _holds_files(field.type)]
            plain = [name for name in names if name not in inside]
            values.check_cells(path, file.metadata.num_rows, len(names))
            held = dict(zip(plain, _cells(path, file, plain), strict=True))
            held |= {name: list(_names(path, file, name)) for name in inside}
    except (arrow.ArrowException, ValueError, OverflowError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path.name} is damaged or no Parquet file ({error}).") from error
    return names, [held[name] for name in names]


def _holds_files(kind: Any) -> bool:
    """Whether a column holds bytes, or bytes with a path as Hugging Face datasets write them."""
    types = extra("pyarrow", "a Parquet file").types
    if types.is_struct(kind):
        own = [kind.field(place) for place in range(kind.num_fields)]
        kind = next((field.type for field in own if field.name == "bytes"), None)
    return kind is not None and bool(types.is_binary(kind) or types.is_large_binary(kind))


def _cells(path: Path, file: Any, columns: list[str]) -> list[list[str]]:
    """The cells of columns, each (N,), of no more characters in all than the memory can take."""
    held: list[list[str]] = [[] for _ in columns]
    total = 0
    for row, batch in _batches(path, file, columns) if columns else ():
        for cells, found in zip(held, batch.columns, strict=True):
            for place, value in enumerate(found, start=row):
                cell = values.cell_of(path, place, value.as_py())
                total += len(cell)
                if len(cell) > values.MOST_IN_A_CELL:
                    raise values.too_long(path, place)
                if total > values.MOST_IN_ALL:
                    raise DataError(
                        f"{path.name} holds more than {values.MOST_IN_ALL:,} characters, up to row "
                        f"{place}; save long texts and lists as files and name those."
                    )
                cells.append(cell)
    return held


def _batches(path: Path, file: Any, columns: list[str]) -> Iterator[tuple[int, Any]]:
    """The first row of some that fit into memory, from 1, and their values.

    A dictionary stores a value once, however many rows point at it, so that only the bytes of the
    whole bound what a row may hold.
    """
    row = 1
    for place in range(file.num_row_groups):
        size, numbers = _size(file, place, columns)
        if size > MOST_BYTES or numbers > values.MOST_CELLS:
            raise DataError(
                f"{path.name} has a row group of {size:,} bytes and {numbers:,} values in "
                f"'{columns[0]}'{' and others' if columns[1:] else ''}, more than {MOST_BYTES:,} "
                f"or {values.MOST_CELLS:,}; write smaller row groups."
            )
        rows = min(max(_MOST_IN_A_BATCH // max(size, 1), 1), _BATCH)
        for batch in file.iter_batches(rows, row_groups=[place], columns=columns):
            yield row, batch
            row += batch.num_rows


def _size(file: Any, place: int, columns: Collection[str]) -> tuple[int, int]:
    """Bytes that columns have in a row group as announced, and how many values."""
    about = file.metadata.row_group(place)
    chunks = [about.column(k) for k in range(about.num_columns)]
    own = [
        c
        for c in chunks
        if not {c.path_in_schema, c.path_in_schema.split(".")[0]}.isdisjoint(columns)
    ]
    return sum(c.total_uncompressed_size for c in own), sum(c.num_values for c in own)


def _names(path: Path, file: Any, column: str) -> Iterator[str]:
    """The cell of each row: where its file is, or the path that it has in place of bytes."""
    for first, batch in _batches(path, file, [column]):
        for row, value in enumerate(batch.column(0), start=first):
            content, name = _parts(value)
            if content is None:
                yield (name or "").strip()
                continue
            found = content_format(content[:HEAD])
            name = os.path.basename(name or "") or (f"file.{found}" if found else "")
            if not os.path.splitext(name)[1]:
                raise DataError(
                    f"{path.name} holds bytes of no known format in row {row} of '{column}'; store "
                    "them with a path, as {bytes, path}, whose extension says what they are."
                )
            yield f"{path.name}/{quote(column, safe='')}/{row}/{name}"


def _parts(value: Any) -> tuple[bytes | None, str | None]:
    """The bytes of a row and the path beside them; None for none."""
    found = value.as_py()
    if isinstance(found, dict):
        name = found.get("path")
        return found["bytes"], name if isinstance(name, str) else None
    return found, None


def content_of(table: str, inside: str) -> bytes:
    """The file at ``<column>/<row>/<name>``, rows from 1.

    Raises:
        Unfit: there is none.
    """
    try:
        column, row, _ = inside.split("/")
        starts, group = _groups(table)
        place = max(k for k, start in enumerate(starts) if start < int(row))
        content, _ = _parts(group(unquote(column), place)[int(row) - 1 - starts[place]])
    except (KeyError, ValueError, IndexError) as error:
        raise Unfit("missing", f"there is no file '{inside[:80]}' in it") from error
    if not isinstance(content, bytes):
        raise Unfit("missing", f"'{inside[:80]}' is no file in it")
    return content


@lru_cache(maxsize=4)
def _groups(table: str) -> tuple[list[int], Any]:
    """How many rows stand before each row group, and what reads a column of one."""
    parquet = extra("pyarrow.parquet", "a Parquet file")
    with parquet.ParquetFile(table) as about:
        held = {field.name for field in about.schema_arrow if _holds_files(field.type)}
        leaves = [about.schema.column(k).path for k in range(len(about.schema))]
    # As dictionaries, so that bytes which rows share are in memory once.
    paths = [leaf for leaf in leaves if leaf in held or leaf.removesuffix(".bytes") in held]
    file = parquet.ParquetFile(table, read_dictionary=paths)
    starts = [0]
    for place in range(file.num_row_groups):
        starts.append(starts[-1] + file.metadata.row_group(place).num_rows)

    @lru_cache(maxsize=1)
    def group(column: str, place: int) -> Any:
        size, _ = _size(file, place, {column})
        if size > MOST_BYTES:
            raise Unfit("large", f"is in a row group of {size:,} bytes; write smaller row groups")
        return file.read_row_group(place, columns=[column], use_threads=False).column(0)

    return starts[:-1], group
