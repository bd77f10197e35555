"""Parquet: columns of cells, and columns of whole files, which stay where they are.

A cell of the second kind is the path ``<table>.parquet/<column>/<row>/<name>`` of a file that is
inside the table, and is read from there row group by row group.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from equimodal.data.table.forms.values import cell_of
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.formats import HEAD, content_format
from equimodal.errors import DataError

SUFFIX = ".parquet"
MOST_BYTES = 2**31
"""Bytes that the files of a column may have in one row group: it is read as a whole."""
_BATCH = 64


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
            table = file.read(columns=plain if inside else None) if plain else None
            held = {
                name: [
                    cell_of(path, row, value)
                    for row, value in enumerate(table.column(place).to_pylist(), start=1)
                ]
                for place, name in enumerate(plain)
                if table is not None
            }
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
        return any(field.name == "bytes" and _holds_files(field.type) for field in own)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _names(path: Path, file: Any, column: str) -> Iterator[str]:
    """The cell of each row: where its file is, or the path that it has in place of bytes."""
    row = 0
    for batch in file.iter_batches(_BATCH, columns=[column]):
        for value in batch.column(0):
            row += 1
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
