"""A table as a manifest: a CSV with the samples, and a YAML beside it with what the columns are."""

import csv
import io
import json
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

from equimodal.data.converters.table import Column, Row, Table
from equimodal.storage.files import write_text

_NAMES = ("label", "split", "group")


def declaration_path(out: Path) -> Path:
    """The YAML that belongs to a manifest."""
    return out.with_suffix(".yaml")


def write_manifest(out: Path, table: Table, heading: str) -> None:
    """Write the YAML, then the CSV: where the CSV stands, both are whole.

    Args:
        out: path of the CSV; the YAML stands beside it.
        table: the samples.
        heading: a sentence that opens the YAML's comment.

    Raises:
        BalanceError: the disk is full, or the folder cannot be written.
    """
    grouped = any(row.group for row in table.rows)
    notes = [heading, *table.notes]
    write_text(declaration_path(out), _declaration(table.columns, grouped, notes))
    write_text(out, _samples(table.rows, table.columns, grouped))


def _declaration(columns: Mapping[str, Column], grouped: bool, notes: Iterable[str]) -> str:
    comments = [f"# {line}" for note in notes for line in textwrap.wrap(note, 96)]
    names = [f"{name}: {name}" for name in _NAMES if grouped or name != "group"]
    lines = [*comments, *names, "modalities:"]
    for name, column in columns.items():
        lines += [f"  {name}:", f"    column: {name}", f"    kind: {column.kind}"]
        # JSON is YAML, and quotes what has to be quoted.
        lines += [f"    {key}: {json.dumps(value)}" for key, value in column.settings.items()]
    return "\n".join(lines) + "\n"


def _samples(rows: Iterable[Row], columns: Iterable[str], grouped: bool) -> str:
    names = [*(name for name in _NAMES if grouped or name != "group"), *columns]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        cells = {"label": row.label, "split": row.split, "group": row.group, **row.values}
        writer.writerow([cells[name] for name in names])
    return text.getvalue()
