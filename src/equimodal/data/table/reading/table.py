"""The table of a manifest: a file, or a folder of files; every cell as text."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from equimodal.data.table.forms import folders, parquet, values
from equimodal.data.table.forms.embedded import check_count
from equimodal.data.table.forms.shards import SUFFIX, records_of
from equimodal.data.table.forms.values import cell_of, too_long
from equimodal.data.table.reading.declaration import SPLIT_COLUMNS
from equimodal.data.table.reading.formats import text_of
from equimodal.errors import DataError
from equimodal.storage.files import once

DELIMITERS = (",", ";", "\t", "|")
_EXCEL = re.compile(r"\s*\"?sep=[^\w\r\n]\"?[ \t;,]*\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """``columns`` by name, each (N,) of stripped texts, and the place ``rows`` (N,) of each row.

    The place is the line in a CSV or JSONL file and else the row, from 1, over all files.
    """

    columns: dict[str, list[str]]
    rows: list[int]

    def column(self, name: str, purpose: str) -> list[str]:
        """The cells of a column.

        Raises:
            DataError: there is no such column.
        """
        if name not in self.columns:
            raise DataError(
                f"There is no column '{name}' for {purpose}; the table has "
                f"{', '.join(self.columns)}."
            )
        return self.columns[name]


def read_table(path: Path, *, blank: bool = False) -> Table:
    """The table in a file, its form by its extension, or in a folder of Hugging Face datasets; with
    ``blank`` also rows of a CSV that have separators alone.

    Raises:
        DataError: the file is missing, damaged, or no table with a header and a row.
    """
    if os.path.isdir(path):
        return _checked(path, _folder(path))
    if path.suffix.lower() == SUFFIX:
        records = [dict[str, object](found) for found in records_of(path)]
        return _checked(path, _from_records(path, records, list(range(1, len(records) + 1))))
    if not os.path.isfile(path):  # also of a name that no system takes
        raise DataError(f"There is no file '{path}'; give the path of a CSV, JSONL or Parquet.")
    readers = {".jsonl": _jsonl, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower(), partial(_csv, blank=blank))
    try:
        table = reader(path)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror or error}).") from error
    return _checked(path, table)


def _checked(path: Path, table: Table) -> Table:
    if not table.rows:
        raise DataError(f"{path.name} holds no row below its header; write one row per sample.")
    return table


def _csv(path: Path, *, blank: bool) -> Table:
    text = text_of(path)
    if _EXCEL.match(text):
        raise DataError(
            f"{path.name} starts with '{text.splitlines()[0]}', which tells Excel the separator "
            "and is no header; delete that line."
        )
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    cells: list[list[str]] = []
    rows: list[int] = []
    line = 0
    try:
        with _long_cells():
            header = [name.strip() for name in next(reader, [])]
            line = reader.line_num
            _check_ends(path, header, reader)
            _check_header(path, header)
            for found in reader:
                if any(found) or (blank and found):
                    _check_width(path, line + 1, found, header)
                    cells.append(found)
                    rows.append(line + 1)
                line = reader.line_num
    except csv.Error as error:
        if "field limit" in str(error):
            raise too_long(path, line + 1) from error
        raise DataError(f"{path.name} is damaged in row {line + 1} ({error}).") from error
    columns = {name: [row[i].strip() for row in cells] for i, name in enumerate(header)}
    return Table(columns, rows)


@contextmanager
def _long_cells() -> Iterator[None]:
    """Cells of up to `values.MOST_IN_A_CELL` characters, where the module csv takes 131,072."""
    before = csv.field_size_limit(values.MOST_IN_A_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _delimiter(text: str) -> str:
    """The sign that cuts the first line into the most cells.

    Raises:
        DataError: two signs cut it into as many.
    """
    first = text.lstrip("\r\n").partition("\n")[0]

    def pieces(sign: str) -> int:
        try:
            return len(next(csv.reader([first], delimiter=sign), []))
        except csv.Error:
            return 0

    counts = {sign: pieces(sign) for sign in DELIMITERS}
    most = max(counts.values())
    likely = [sign for sign in DELIMITERS if counts[sign] == most]
    if most > 1 and len(likely) > 1:
        raise DataError(
            f"The header can be cut at {' or at '.join(map(repr, likely))}, into {most} names each "
            "way; put quotes around a name that holds the other sign, or rename it."
        )
    return likely[0]


def _check_header(path: Path, header: Sequence[str]) -> None:
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice or "" in header or not header:
        what = f"names '{twice[0]}' twice" if twice and twice[0] else "has a column without a name"
        index = " (pandas leaves an index out with index=False)" if header[:1] == [""] else ""
        raise DataError(f"The header of {path.name} {what}; give each column one name{index}.")


def _check_ends(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Refuse rows that end in a separator; the rows are only read where the header does."""
    named = max((place for place, name in enumerate(header, start=1) if name), default=0)
    if 0 < named < len(header) and all(header[:named]) and not any(any(r[named:]) for r in rows):
        raise DataError(
            f"The rows of {path.name} end in a separator, so that its header has a column without "
            "a name; delete it at the end of every row."
        )


def _check_width(path: Path, row: int, found: Sequence[str], header: Sequence[str]) -> None:
    if len(found) != len(header):
        raise DataError(
            f"{path.name} has {len(found)} cells in row {row} and {len(header)} in its header; "
            "put quotes around a cell that holds the separator."
        )


def _jsonl(path: Path) -> Table:
    records: list[dict[str, object]] = []
    rows: list[int] = []
    for line, text in enumerate(text_of(path).split("\n"), start=1):
        if text.strip():
            records.append(_record(path, line, text))
            rows.append(line)
    return _from_records(path, records, rows)


def _record(path: Path, line: int, text: str) -> dict[str, object]:
    try:
        found = json.loads(text, object_pairs_hook=_stripped)
        if "\\u" in text:  # an escape may stand for half a character
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = str(error.object)[error.start]
        raise DataError(
            f"{path.name} holds half a character ({half}) in row {line}, as a text has that was "
            "cut within one; write whole characters."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name} holds no JSON in row {line} ({error}).") from error
    if not isinstance(found, dict):
        raise DataError(
            f"{path.name} holds {type(found).__name__} in row {line}, expected an object such as "
            '{"label": "yes", "image": "a.png"}.'
        )
    return found


def _stripped(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The pairs of an object by their stripped keys, each of which stands once."""
    return once([(key.strip(), value) for key, value in pairs])


def _parquet(path: Path) -> Table:
    header, held = parquet.columns_of(path, path.name)
    _check_header(path, header)
    columns = dict(zip(header, held, strict=True))
    return Table(columns, list(range(1, len(held[0]) + 1)))


def _folder(path: Path) -> Table:
    """The table, with a column of the splits where it has several."""
    try:
        header, held, splits = folders.columns_of(path)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror or error}).") from error
    _check_header(path, header)
    columns = dict(zip(header, held, strict=True))
    if splits:
        free = [name for name in SPLIT_COLUMNS if name not in columns]
        if not free:
            raise DataError(f"{path.name} has columns {', '.join(SPLIT_COLUMNS)}; rename one.")
        columns[free[0]] = splits
    return Table(columns, list(range(1, len(held[0]) + 1)))


def _from_records(path: Path, records: Iterable[dict[str, object]], rows: list[int]) -> Table:
    records = list(records)
    names = dict.fromkeys(name for record in records for name in record)
    check_count(path.name, len(rows), len(names))
    columns = {
        name: [cell_of(path, row, r.get(name)) for row, r in zip(rows, records, strict=True)]
        for name in names
    }
    return Table(columns, rows)
