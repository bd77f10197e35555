"""Trains what a diagnosis takes on a data set, then diagnoses it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from equimodal.comparison.experiment import Execution, Experiment, arranged
from equimodal.comparison.rows import JOINT, REFERENCES
from equimodal.diagnosis.diagnosis import Diagnosis
from equimodal.diagnosis.folder import diagnose_folder
from equimodal.experiments.compare import compared


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
    experiment, execution = arranged({"data": data, "out": out, **options})
    return diagnosed(experiment, execution, row=row, split=split, deep=deep)


def diagnosed(
    experiment: Experiment,
    execution: Execution,
    *,
    row: str = JOINT,
    split: str = "test",
    deep: bool = False,
) -> Diagnosis:
    """What `diagnose_data` returns, of an experiment whose rows are `REFERENCES`."""
    rows = dict.fromkeys(name if name != JOINT else row for name in REFERENCES)
    folder = execution.folder(experiment.data, "diagnose-")
    compared(replace(experiment, methods=tuple(rows)), replace(execution, out=folder))
    return diagnose_folder(
        folder, row=row, split=split, deep=deep, data_root=execution.data_root,
        cache=execution.cache,
    )  # fmt: skip
