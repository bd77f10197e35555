"""Trains what a diagnosis takes on a data set, then diagnoses it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from equimodal.comparison.execution import Execution, arranged
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.rows import JOINT, REFERENCES
from equimodal.diagnosis.diagnosis import Diagnosis
from equimodal.experiments.compare import compared
from equimodal.experiments.settling import settled


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

    Each modality alone is trained for longer too, where its word waits for that.

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
    return settled(folder, execution, row=row, split=split, deep=deep, device=experiment.device)


def settle_folder(
    folder: str | Path,
    *,
    row: str | None = None,
    split: str = "test",
    deep: bool = False,
    **place: Any,
) -> Diagnosis:
    """The diagnosis of a folder after what it lacked was trained there: `settled`.

    Args:
        folder: of a comparison, or of one run in one.
        row: which row is diagnosed; by default ``joint``, or the run's own.
        split: whose samples are judged, ``test`` or ``validation``.
        deep: also look into the models, see `diagnose_folder`.
        place: ``data_root``, ``cache``, ``jobs``, ``here``, ``progress``, ``engine`` and its
            options of `equimodal.compare`.

    Raises:
        BalanceError: as in `diagnose_folder` and `equimodal.compare`.
    """
    return settled(folder, Execution(**place), row=row, split=split, deep=deep)
