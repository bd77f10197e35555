"""Parquet: columns of cells, and of whole files, which are read row group by row group."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from equimodal.data.table.forms.embedded import check_count, content_in, holds_files, paths_in
from equimodal.data.table.forms.features import named_cell, names_of
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit
from equimodal.errors import DataError

SUFFIX = ".parquet"
MOST_BYTES = 2**31
"""Bytes that the files of a column may have in one row group: it is read as a whole."""
_BATCH = 64


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
            table = file.read(columns=plain if inside else None) if plain else None
            held = {
                name: [
                    named_cell(path, row, value, classes.get(name))
                    for row, value in enumerate(table.column(at).to_pylist(), start=1)
                ]
                for at, name in enumerate(plain)
                if table is not None
            }
            for name in inside:
                batches = file.iter_batches(_BATCH, columns=[name])
                values = (value for batch in batches for value in batch.column(0))
                held[name] = list(paths_in(place, name, values))
    except (arrow.ArrowException, ValueError, OverflowError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path.name} is damaged or no Parquet file ({error}).") from error
    return names, [held[name] for name in names]


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
    file = parquet.ParquetFile(table)
    starts = [0]
    for place in range(file.num_row_groups):
        starts.append(starts[-1] + file.metadata.row_group(place).num_rows)

    @lru_cache(maxsize=1)
    def group(column: str, place: int) -> Any:
        about = file.metadata.row_group(place)
        chunks = [about.column(k) for k in range(about.num_columns)]
        own = [c for c in chunks if c.path_in_schema.split(".")[0] == column]
        size = sum(chunk.total_uncompressed_size for chunk in own)
        if size > MOST_BYTES:
            raise Unfit("large", f"is in a row group of {size:,} bytes; write smaller row groups")
        return file.read_row_group(place, columns=[column], use_threads=False).column(0)

    return starts[:-1], group
