"""Trains what a diagnosis takes on a data set, then diagnoses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from equimodal.comparison.arguments import default_out
from equimodal.comparison.rows import JOINT, REFERENCES
from equimodal.diagnosis.diagnosis import Diagnosis
from equimodal.diagnosis.folder import diagnose_folder


def diagnose_data(
    data: str,
    *,
    row: str = JOINT,
    split: str = "test",
    deep: bool = False,
    out: str | Path | None = None,
    **options: Any,
) -> Diagnosis:
    """Train `REFERENCES` on a data set as `equimodal.compare` does, and diagnose joint training.

    Args:
        data: name of the data set, or the path of a table of your own.
        row: another method to train and to diagnose in the place of ``joint``.
        split: whose samples are judged, ``test`` or ``validation``.
        deep: also look into the models, see `diagnose_folder`.
        out: folder of the runs. None: ``results/diagnose-<data>``.
        options: further arguments of `equimodal.compare`.

    Raises:
        BalanceError: as in `equimodal.compare`.
    """
    from equimodal.experiments.compare import compare

    folder = Path(out) if out is not None else default_folder(data)
    rows = [name if name != JOINT else row for name in REFERENCES]
    compare(data, methods=list(dict.fromkeys(rows)), out=folder, **options)
    place = {name: options.get(name) for name in ("data_root", "cache")}
    return diagnose_folder(folder, row=row, split=split, deep=deep, **place)


def default_folder(data: str) -> Path:
    """Where the runs lie that were trained for a diagnosis."""
    place = Path(default_out(data))
    return place.with_name(f"diagnose-{place.name}")
