"""Parquet: columns of cells, and of whole files, which are read row group by row group."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from equimodal.data.table.forms.embedded import (
    MOST_CELLS,
    check_count,
    content_in,
    holds_files,
    paths_in,
)
from equimodal.data.table.forms.features import named_cell, names_of
from equimodal.data.table.forms.values import Room
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit
from equimodal.errors import DataError

SUFFIX = ".parquet"
MOST_BYTES = 2**31
"""Bytes that the files of a column may have in one row group: it is read as a whole."""
_BATCH = 1024
_MOST_IN_A_BATCH = 2**28


def columns_of(path: Path, place: str) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, and the cells of each; those of files start with ``place``.

    Raises:
        DataError: it is damaged, or holds values that no cell can.
    """
    parquet = extra("pyarrow.parquet", "a Parquet file")
    arrow = extra("pyarrow", "a Parquet file")
    try:
        with parquet.ParquetFile(path) as file:
            fields, classes = list(file.schema_arrow), names_of(path, file.schema_arrow)
            check_count(path.name, file.metadata.num_rows, len(fields))
            names = [field.name for field in fields]
            inside = [field.name for field in fields if holds_files(field.type)]
            plain = [name for name in names if name not in inside]
            cells: list[list[str]] = [[] for _ in plain]
            room, row = Room(path), 0
            for batch in _batches(path, file, plain) if plain else ():
                for name, own, found in zip(plain, cells, batch.columns, strict=True):
                    known = classes.get(name)
                    for r, value in enumerate(found, start=row + 1):
                        own.append(room.checked(r, named_cell(path, r, value.as_py(), known)))
                row += batch.num_rows
            held = dict(zip(plain, cells, strict=True))
            for name in inside:
                values = (v for batch in _batches(path, file, [name]) for v in batch.column(0))
                held[name] = list(paths_in(place, name, values))
    except (arrow.ArrowException, ValueError, OverflowError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path.name} is damaged or no Parquet file ({error}).") from error
    return names, [held[name] for name in names]


def _batches(path: Path, file: Any, columns: list[str]) -> Iterator[Any]:
    """Rows that fit into memory.

    A dictionary stores a value once, however many rows point at it, so that only the bytes of the
    whole bound what a row may hold.
    """
    for place in range(file.num_row_groups):
        size, numbers = _size(file, place, columns)
        if size > MOST_BYTES or numbers > MOST_CELLS:
            raise DataError(
                f"{path.name} has a row group of {size:,} bytes and {numbers:,} values in "
                f"'{columns[0]}'{' and others' if columns[1:] else ''}, more than {MOST_BYTES:,} "
                f"or {MOST_CELLS:,}; write smaller row groups."
            )
        rows = min(max(_MOST_IN_A_BATCH // max(size, 1), 1), _BATCH)
        yield from file.iter_batches(rows, row_groups=[place], columns=columns)


def _size(file: Any, place: int, columns: Collection[str]) -> tuple[int, int]:
    """Bytes that columns have in a row group as announced, and how many values."""
    about = file.metadata.row_group(place)
    chunks = [about.column(k) for k in range(about.num_columns)]
    known = set(columns)
    own = [
        chunk
        for chunk in chunks
        if known & {chunk.path_in_schema, chunk.path_in_schema.split(".")[0]}
    ]
    return sum(c.total_uncompressed_size for c in own), sum(c.num_values for c in own)


def content_of(table: str, inside: str) -> bytes:
    """The file at ``<column>/<row>/<name>``, rows from 1.

    Raises:
        Unfit: there is none.
    """
    return content_in(inside, *_groups(table))


@lru_cache(maxsize=4)
def _groups(table: str) -> tuple[list[int], Any]:
    """How many rows stand before each row group, and what reads a column of one."""
    parquet = extra("pyarrow.parquet", "a Parquet file")
    with parquet.ParquetFile(table) as about:
        held = {field.name for field in about.schema_arrow if holds_files(field.type)}
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
