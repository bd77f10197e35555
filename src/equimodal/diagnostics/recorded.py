"""The file of a balancer's records: written, read, and diagnosed as far as records go."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from equimodal.diagnostics.diagnosis import Diagnosis
from equimodal.diagnostics.recording import COLLAPSED_BELOW, SCHEMA, behind
from equimodal.errors import BalanceError

Rows = Sequence[Mapping[str, Any]]


def write(path: Path, content: Mapping[str, Any], rows: Rows) -> None:
    """Write records, after those of an earlier part of the same training.

    Raises:
        BalanceError: there are none, the file is another training's, or it cannot be written.
    """
    from equimodal.train.storage import write_json

    if not rows:
        raise BalanceError(
            "Nothing was recorded: write Balancer(..., diagnose=10), and call save_diagnosis() "
            "after epoch_end() or flush()."
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
    advice = "Give the folder of a comparison, or what Balancer.save_diagnosis(path) wrote"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        schema = found.get("schema") if isinstance(found, dict) else None
    except FileNotFoundError:
        raise BalanceError(f"There is no file '{path}'. {advice}.") from None
    except (OSError, ValueError) as error:
        raise BalanceError(f"'{path}' is no complete JSON ({error}). {advice}.") from error
    if schema != SCHEMA:
        raise BalanceError(
            f"'{path}' is no record of schema {SCHEMA!r}: found {schema!r}. {advice}."
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


def training_summary(rows: Rows) -> dict[str, Any]:
    """Name -> modality -> mean, and means of the first and the last tenth of the records."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(row["name"] for row in rows):
        own = sorted((r for r in rows if r["name"] == name), key=lambda r: int(r["step"]))
        modalities = list(own[0]["values"])
        found[name] = {m: _summary([row["values"][m] for row in own]) for m in modalities}
    return found


def _summary(values: Sequence[float | None]) -> dict[str, float | None]:
    tenth = max(1, len(values) // 10)
    return {
        "mean": _mean(values),
        "first": _mean(values[:tenth]),
        "last": _mean(values[-tenth:]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def collapsed(summary: Mapping[str, Any]) -> list[str]:
    """Modalities whose share of the gradient fell to less than `COLLAPSED_BELOW` of its start,
    while their own score, where there is one, stayed far below the best.

    A modality that has converged has a small gradient too.
    """
    shares = summary.get("gradient_share", {})
    scores = {m: value["last"] for m, value in summary.get("score", {}).items()}
    return [
        m for m, share in shares.items()
        if share["first"] and share["last"] is not None
        and share["last"] < COLLAPSED_BELOW * share["first"]
        and (not scores or behind(scores, m))
    ]  # fmt: skip


def diagnose_recording(path: str | Path) -> Diagnosis:
    """What the records of one training say. They cannot tell under-trained from weak.

    Raises:
        BalanceError: the file is missing, damaged or of another kind.
    """
    from equimodal.diagnostics.document import recording_document

    found = read(path)
    return recording_document(Path(path).name, found, training_summary(found["records"]))
