"""One run of a comparison on its own: in this process, or in several on any number of machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equimodal import data as sources
from equimodal import methods
from equimodal.comparison.engines.worker import ERROR, steady, unforeseen, warnings_told
from equimodal.comparison.execution import Execution, check_device
from equimodal.comparison.experiment import Experiment
from equimodal.comparison.folder import check_run
from equimodal.comparison.plan import Plan, PlannedRun, check_request, loadable, make_plan
from equimodal.comparison.rows import ENSEMBLE, UNTRAINED, alone_row
from equimodal.comparison.written_plan import read_plan
from equimodal.errors import BalanceError
from equimodal.experiments.left_model import MODEL
from equimodal.experiments.train_progress import shown
from equimodal.saved.writing import write_model
from equimodal.storage.printing import say, warn
from equimodal.training.config import RunConfig
from equimodal.training.launch import Launch, launched, told_once

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class TrainedRun:
    """A run that is over: what determined it, its result, and its folder.

    ``speaks`` is False on all ranks but the first, which is to show the result. ``model`` is its
    model folder, None where there is none.
    """

    config: RunConfig
    result: dict[str, Any]
    folder: Path
    speaks: bool
    model: Path | None = None


def train_run(experiment: Experiment, execution: Execution) -> TrainedRun:
    """Train one row with one seed into its folder, as `equimodal.compare` does.

    Under torchrun or srun all of its processes call this with the same arguments and train the
    run together. In one process the numbers are those of `equimodal.compare`, bit for bit.

    Args:
        experiment: of one row that is trained (any but the ensemble), one seed and one rate at
            most; its batch size is that of all processes together.
        execution: ``out`` is the folder of the comparison to which the run belongs, or may belong
            later; ``resume`` continues the run, or shows its result, where it is there.

    Raises:
        BalanceError: something cannot be honoured, or the training failed.
    """
    with _met(experiment.device, experiment.methods or ()) as (launch, fabric):
        execution = replace(execution, progress=launch.rank == 0)
        return _train(experiment, execution, launch, fabric)


def train_planned(file: Path, index: int) -> TrainedRun:
    """Train one run of a plan that `equimodal compare --write-plan` wrote, or continue it.

    Several processes may train runs of one plan at a time: one that learns from others trains those
    first, or waits for the process that does.

    Args:
        file: the plan.
        index: number of the run, from 0.

    Raises:
        BalanceError: there is no such plan or run, or the training failed.
    """
    with told_once(os.environ):
        written = read_plan(file)
        *before, planned = written.needed(index)
    with _met(planned.config.device, [planned.config.method]) as (launch, fabric):
        speaks = launch.rank == 0
        if not launch.alone:
            _check_shared(planned.config, launch.processes)
        _, root = sources.ready(
            written.data, written.data_root, cache=written.cache, progress=speaks
        )
        if speaks:
            _tell(planned, before)
        for run in (*before, planned):
            result = _trained(run, written.out, root, launch, fabric, wait=True)
    return TrainedRun(planned.config, result, written.out / planned.folder, speaks)


@contextmanager
def _met(device: str, rows: Sequence[str]) -> Iterator[tuple[Launch, Fabric | None]]:
    """How this process was launched, and what joins it with the others where there are any."""
    with told_once(os.environ):
        launch = launched(os.environ)
        check_device(device)
    steady()
    if launch.alone:
        yield launch, None
        return
    from equimodal.training.ranks import together  # importing Fabric takes seconds

    if launch.rank == 0:
        say(f"waiting for {launch.processes} processes ({launch.launcher})", file=sys.stderr)
    with together(device, launch, in_turn=any(map(_trains_in_turn, rows))) as fabric:
        yield launch, fabric


def _trains_in_turn(row: str) -> bool:
    """Whether a row trains its encoders in turn; an unknown one is refused later."""
    return methods.known(row) and methods.create(row).has_stage("turn")


def _train(
    experiment: Experiment, execution: Execution, launch: Launch, fabric: Fabric | None = None
) -> TrainedRun:
    plan = _planned(experiment, execution, launch)
    *before, planned = plan.runs
    if fabric is not None:
        fabric.barrier()  # no rank may still find a mistake when the first one writes
    out, speaks = execution.folder(experiment.data), launch.rank == 0
    if speaks:
        check_run(out, planned.folder, resume=execution.resume)
        _tell(planned, before)
    for run in before:
        _trained(run, out, plan.data_root, launch, fabric)
    folder = out / planned.folder
    result = _trained(planned, out, plan.data_root, launch, fabric)
    model = None
    if speaks and result["status"] == "finished":
        model = write_model(folder / MODEL, plan, planned, out)
    return TrainedRun(planned.config, result, folder, speaks, model)


def _trained(
    planned: PlannedRun, out: Path, root: str | None, launch: Launch, fabric: Fabric | None,
    *, wait: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """The result of a run, which is trained where it is not there; by another that is at it, if
    this one is to wait."""
    from equimodal.training.loop import train

    folder, speaks = out / planned.folder, launch.rank == 0
    with (
        warnings_told(warn if speaks else lambda _: None),
        _errors(folder, launch),
        shown(planned.config, speaks) as notify,
    ):
        return train(
            planned.config, folder, data_root=root, notify=notify, fabric=fabric,
            waits=partial(_wait, planned) if wait else None,
        )  # fmt: skip


def _wait(planned: PlannedRun) -> None:
    say(f"another process trains {planned.config.title}; waiting until it ends", file=sys.stderr)


def _tell(planned: PlannedRun, before: Sequence[PlannedRun]) -> None:
    """Say which other rows are trained first."""
    if before:
        rows = ", ".join(run.config.method for run in before)
        say(f"{planned.config.method} learns from {rows}, trained first", file=sys.stderr)


def _planned(experiment: Experiment, execution: Execution, launch: Launch) -> Plan:
    """The plan of an experiment of one run, behind those that it learns from."""
    if experiment.methods == (ENSEMBLE,):
        raise BalanceError(
            f"The row '{ENSEMBLE}' trains nothing, it averages the rows {alone_row('<modality>')}; "
            f"train those, then write `equimodal compare --methods {ENSEMBLE} --resume`."
        )
    check_request(experiment)
    plan = make_plan(*loadable(experiment, execution))
    *before, last = plan.runs
    if any(run.folder not in last.learns_from for run in before):
        rows = ", ".join(plan.config["methods"])
        asked = ", ".join(experiment.methods or ())
        raise BalanceError(f"'{asked}' stands for several rows; write one of {rows}.")
    if not launch.alone:
        _check_shared(last.config, launch.processes)
    return plan


def _check_shared(config: RunConfig, processes: int) -> None:
    """Raise `BalanceError` unless so many processes can train the run together."""
    if config.method == UNTRAINED:
        raise BalanceError(
            f"The row '{UNTRAINED}' trains nothing that {processes} processes could share; write "
            f"`equimodal train --method {UNTRAINED} ...` without torchrun or srun."
        )
    size, share = config.batch_size, config.batch_size // processes
    if size % processes:
        near = [n * processes for n in (share, share + 1) if n]
        raise BalanceError(
            f"A batch of {size} does not divide among {processes} processes; write --batch-size "
            f"{' or '.join(map(str, near))}."
        )


@contextmanager
def _errors(folder: Path, launch: Launch) -> Iterator[None]:
    """Errors that are nobody's known mistake become one line, and a file in the run's folder."""
    file = folder / (ERROR if launch.rank == 0 else f"error-rank-{launch.rank}.txt")
    try:
        yield
    except (BalanceError, OSError):
        raise
    except Exception as error:
        if not launch.alone:
            from equimodal.training.ranks import is_lost

            if is_lost(error):
                raise
        raise BalanceError(unforeseen(error, file)) from error
    file.unlink(missing_ok=True)
