"""The file of a balancer's records, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from equimodal.errors import BalanceError, quoted
from equimodal.storage.files import write_json

SCHEMA = "equimodal.recording/1"
Rows = Sequence[Mapping[str, Any]]


def write(path: Path, content: Mapping[str, Any], rows: Rows) -> None:
    """Write records, after those of an earlier part of the same training.

    Raises:
        BalanceError: there are none, the file is another training's, or it cannot be written.
    """
    if not rows:
        raise BalanceError(
            "Nothing was recorded: write Balancer(..., diagnose=10), and call diagnosis.save() "
            "after epoch_end() or decisions.flush()."
        )
    first = min(row["step"] for row in rows)
    earlier = [row for row in _earlier(path, content) if row["step"] < first]
    write_json(path, {**content, "records": [*earlier, *rows]})


def _earlier(path: Path, content: Mapping[str, Any]) -> Rows:
    if not path.exists():
        return []
    found = read(path)
    if found["modalities"] != content["modalities"]:
        raise BalanceError(
            f"'{path}' holds the record of a training of {', '.join(found['modalities'])}; choose "
            "another file."
        )
    rows: Rows = found["records"]
    return rows


def read(path: str | Path) -> dict[str, Any]:
    """What `write` wrote.

    Raises:
        BalanceError: the file is missing, damaged or of another kind.
    """
    path = Path(path)
    advice = "Give the folder of a comparison, or what balancer.diagnosis.save(path) wrote"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        schema = found.get("schema") if isinstance(found, dict) else None
    except FileNotFoundError:
        raise BalanceError(f"There is no file '{path}'. {advice}.") from None
    except (OSError, ValueError) as error:
        raise BalanceError(f"'{path}' is no complete JSON ({error}). {advice}.") from error
    if schema != SCHEMA:
        raise BalanceError(
            f"'{path}' is no record of schema {SCHEMA!r}: found {quoted(schema)}. {advice}."
        )
    if not _sound(found):
        raise BalanceError(f"'{path}' is damaged: its records are not complete. {advice}.")
    return dict(found)


def _sound(found: Mapping[str, Any]) -> bool:
    names, rows = found.get("modalities"), found.get("records")
    if not isinstance(names, list) or not isinstance(rows, list) or not rows:
        return False
    return all(
        isinstance(row, dict)
        and isinstance(row.get("step"), int)
        and isinstance(row.get("name"), str)
        and isinstance(row.get("values"), dict)
        and set(row["values"]) == set(names)
        and all(v is None or isinstance(v, int | float) for v in row["values"].values())
        for row in rows
    )
