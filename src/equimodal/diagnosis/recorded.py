"""A training diagnosed by a balancer's records, as far as they go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from equimodal.balancing.recording_file import Rows, read
from equimodal.diagnosis.diagnosis import Diagnosis


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


def diagnose_recording(path: str | Path) -> Diagnosis:
    """What the records of one training say. They cannot tell under-trained from weak.

    Raises:
        BalanceError: the file is missing, damaged or of another kind.
    """
    from equimodal.diagnosis.document import recording_document

    found = read(path)
    return recording_document(Path(path).name, found, training_summary(found["records"]))
