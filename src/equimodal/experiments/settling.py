"""Trains what a verdict lacks: references that are missing, and longer ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from equimodal.comparison.engines.crews import Workplace
from equimodal.comparison.execution import Execution
from equimodal.comparison.plan import PlannedRun
from equimodal.comparison.results import is_over
from equimodal.comparison.rows import JOINT, UNTRAINED, alone_row, slug
from equimodal.data import sources
from equimodal.data.table import is_manifest
from equimodal.diagnosis import rules
from equimodal.diagnosis.columns import Columns
from equimodal.diagnosis.diagnosis import Diagnosis
from equimodal.diagnosis.evidence import LONGER
from equimodal.diagnosis.folder import diagnose_folder
from equimodal.diagnosis.stored.reading import read_case, read_runs, reference
from equimodal.diagnosis.stored.run_files import RunFiles
from equimodal.diagnosis.verdict import verdict
from equimodal.errors import BalanceError
from equimodal.storage.locks import locked
from equimodal.training.config import RunConfig


def settled(
    folder: str | Path,
    execution: Execution,
    *,
    row: str | None = None,
    split: str = "test",
    deep: bool = False,
    device: str | None = None,
) -> Diagnosis:
    """The diagnosis of a folder after what it lacked was trained, with the budget of its runs.

    First references that are missing, then each modality alone for twice and for four times the
    steps, as long as its word waits for that. What is there already is not trained again.

    Args:
        folder, row, split, deep: as in `diagnose_folder`.
        execution: where the data lie, who trains, whether progress is shown.
        device: on which; None for that of the runs that are there.

    Raises:
        BalanceError: the folder is a run by itself, the data cannot be loaded, or a run failed.
    """
    root, _, _ = read_runs(folder, row=row)
    if root is None:
        raise BalanceError(
            f"'{folder}' is a run that lies in no comparison, so that there is no place for its "
            "references; give the folder of a comparison."
        )
    with locked(root, patience=0.0):
        for wanted, times in ((rules.REFERENCES, 1), *((rules.LONGER, k) for k in LONGER)):
            case = read_case(folder, row=row, split=split)
            words = verdict(case, Columns(case))["modalities"]
            names = [m for m, found in words.items() if found["wants"] == wanted]
            _, runs, subjects = read_runs(folder, row=row)
            planned = list(_planned(runs, subjects, names, times))
            _train(planned, root, execution, device)
        _keep(root)
    return diagnose_folder(
        folder, row=row, split=split, deep=deep, data_root=execution.data_root,
        cache=execution.cache, progress=execution.progress,
    )  # fmt: skip


def _keep(root: Path) -> None:
    """Let the page of a comparison say what the diagnosis says from now on."""
    from equimodal.report import write_page
    from equimodal.report.kept.diagnosis_store import keep_diagnosis
    from equimodal.report.read.reading import read_results

    if not (root / "results.json").is_file():
        return
    results = read_results(root)
    if JOINT in results["config"]["methods"]:
        keep_diagnosis(root, results)
        write_page(root)


def _planned(
    runs: Sequence[RunFiles], subjects: Mapping[int, RunFiles], names: Sequence[str], times: int
) -> Iterator[PlannedRun]:
    """The references of some modalities, for so many times the steps; untrained ones with the
    first."""
    for subject in subjects.values():
        rate = subject.config["lr"]
        if names and times == 1:
            yield _run(subject, UNTRAINED, None, f"runs/{UNTRAINED}/seed-{subject.seed}")
        for m in names:
            row, name = alone_row(m), slug(alone_row(m))
            known = reference(runs, subject, m)
            used = known.config["lr"] if known else rate
            tail = known.folder.name if known else subject.folder.name
            place = f"runs/{name}/{tail}" if times == 1 else f"runs/{name}.x{times}/{tail}"
            yield _run(subject, row, used, place, times=times)


def _run(
    subject: RunFiles, row: str, rate: float | None, place: str, *, times: int = 1
) -> PlannedRun:
    """A row as the diagnosed run was trained, for so many times the epochs."""
    known = {f.name: subject.config[f.name] for f in fields(RunConfig) if f.name in subject.config}
    changes = {
        "method": row,
        "lr": rate,
        "settings": {},
        "teachers": {},
        "epochs": times * known["epochs"],
    }
    return PlannedRun(RunConfig(**{**known, **changes}), place)


def _located(data: str, execution: Execution) -> str:
    """A data set by its name, or the path of a table, of which a run keeps its file's name."""
    if not is_manifest(data) or Path(data).exists():
        return data
    beside = os.path.join(execution.data_root or ".", data)  # keeps the slash of a folder
    if os.path.exists(beside):
        return beside
    raise BalanceError(
        f"The runs were trained on the table '{data}', which is not here; name its folder with "
        "--data-root, or go there."
    )


def _train(
    planned: Sequence[PlannedRun], root: Path, execution: Execution, device: str | None
) -> None:
    """Train the runs that are not over."""
    waiting = [run for run in planned if not is_over(run, root)]
    if not waiting:
        return
    config = waiting[0].config
    data = _located(config.data, execution)
    _, data_root = sources.ready(
        data, execution.data_root, cache=execution.cache, progress=execution.progress
    )
    place = Workplace(execution, device or config.device, data)
    failed = place.trained(waiting, root, data_root)
    if failed:
        index, message = next(iter(failed.items()))
        raise BalanceError(f"{waiting[index].config.title} failed: {message}")
