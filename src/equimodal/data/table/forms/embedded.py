"""Columns of whole files inside an Arrow or Parquet file, which stay where they are.

A cell of such a column is the path ``<file>/<column>/<row>/<name>``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.formats import HEAD, content_format
from equimodal.errors import DataError

MOST_CELLS = 2**27
"""Cells that a file may have: some bytes can stand for any number of empty ones."""


def check_count(name: str, rows: int, columns: int) -> None:
    """Raise `DataError` where a file says that it has more cells than fit."""
    if rows * columns > MOST_CELLS:
        raise DataError(
            f"{name} has {rows:,} rows of {columns} columns; write files of {MOST_CELLS:,} cells "
            "at most."
        )


def holds_files(kind: Any) -> bool:
    """Whether a column holds bytes, or bytes with a path as Hugging Face datasets write them."""
    types = extra("pyarrow", "a Parquet file").types
    if types.is_struct(kind):
        own = [kind.field(place) for place in range(kind.num_fields)]
        return any(field.name == "bytes" and holds_files(field.type) for field in own)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def paths_in(place: str, column: str, values: Iterable[Any]) -> Iterator[str]:
    """The cell of each row: where its file is, or the path that it has in place of bytes."""
    for row, value in enumerate(values, start=1):
        content, name = _parts(value)
        if content is None:
            yield (name or "").strip()
            continue
        found = content_format(content[:HEAD])
        name = os.path.basename(name or "") or (f"file.{found}" if found else "")
        if not os.path.splitext(name)[1]:
            raise DataError(
                f"{os.path.basename(place)} holds bytes of no known format in row {row} of "
                f"'{column}'; store them with a path, as {{bytes, path}}, whose extension says "
                "what they are."
            )
        yield f"{place}/{quote(column, safe='')}/{row}/{name}"


def _parts(value: Any) -> tuple[bytes | None, str | None]:
    """The bytes of a row and the path beside them; None for none."""
    found = value.as_py()
    if isinstance(found, dict):
        name = found.get("path")
        return found["bytes"], name if isinstance(name, str) else None
    return found, None


def content_in(inside: str, starts: Sequence[int], group: Callable[[str, int], Any]) -> bytes:
    """The file at ``<column>/<row>/<name>``, rows from 1.

    Args:
        inside: that path.
        starts: how many rows stand before each group of rows.
        group: what reads a column of one.

    Raises:
        Unfit: there is none.
    """
    try:
        column, row, _ = inside.split("/")
        place = max(k for k, start in enumerate(starts) if start < int(row))
        content, _ = _parts(group(unquote(column), place)[int(row) - 1 - starts[place]])
    except (KeyError, ValueError, IndexError) as error:
        raise Unfit("missing", f"there is no file '{inside[:80]}' in it") from error
    if not isinstance(content, bytes):
        raise Unfit("missing", f"'{inside[:80]}' is no file in it")
    return content
