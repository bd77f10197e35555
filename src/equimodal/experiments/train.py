"""One run of a comparison on its own: in this process, or in several on any number of machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equimodal import data as sources
from equimodal.comparison.arguments import check_device
from equimodal.comparison.folder import check_run
from equimodal.comparison.plan import PlannedRun, make_plan
from equimodal.comparison.rows import ENSEMBLE, UNTRAINED, alone_row
from equimodal.comparison.worker import ERROR, steady, unforeseen, warnings_told
from equimodal.errors import BalanceError
from equimodal.experiments.train_progress import shown
from equimodal.training.config import RunConfig
from equimodal.training.launch import Launch, launched, told_once

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class TrainedRun:
    """A run that is over: what determined it, its result, and its folder.

    ``speaks`` is False on all ranks but the first, which is to show the result.
    """

    config: RunConfig
    result: dict[str, Any]
    folder: Path
    speaks: bool


def train_run(
    data: str, *, method: str, seed: int = 0, out: str | Path, resume: bool = False,
    device: str = "cpu", lr: float | None = None, **options: Any,
) -> TrainedRun:  # fmt: skip
    """Train one row with one seed into its folder below ``out``, as `equimodal.compare` does.

    Under torchrun or srun all of its processes call this with the same arguments and train the
    run together. In one process the numbers are those of `equimodal.compare`, bit for bit.

    Args:
        data: name of the data set.
        method: one row that is trained: any of a comparison but the ensemble.
        seed: fixes pairs, split, initial weights and order.
        out: folder of the comparison to which the run belongs, or may belong later.
        resume: continue the run, or show its result, where the folder holds it already.
        device: ``cpu``, ``cuda`` or ``cuda:<index>``; ``cuda`` where several processes train.
        lr: learning rate. None: the data set's.
        options: as in `equimodal.compare`; ``batch_size`` is that of all processes together.

    Raises:
        BalanceError: something cannot be honoured, or the training failed.
    """
    with told_once(os.environ):
        launch = launched(os.environ)
        check_device(device)
    steady()
    options |= {"methods": [method], "seeds": [seed], "device": device, "lr": lr}
    if launch.alone:
        return _train(data, options, Path(out), resume, launch)
    from equimodal.training.ranks import together  # importing Fabric takes seconds

    if launch.rank == 0:
        print(f"waiting for {launch.processes} processes ({launch.launcher})", file=sys.stderr)
    with together(device, launch) as fabric:
        return _train(data, options, Path(out), resume, launch, fabric)


def _train(
    data: str, options: Mapping[str, Any], out: Path, resume: bool, launch: Launch,
    fabric: Fabric | None = None,
) -> TrainedRun:  # fmt: skip
    planned, root = _planned(data, options, launch)
    if fabric is not None:
        fabric.barrier()  # no rank may still find a mistake when the first one writes
    if launch.rank == 0:
        check_run(out, planned.folder, resume=resume)
    from equimodal.training.loop import train

    folder, speaks = out / planned.folder, launch.rank == 0
    with (
        warnings_told(_warn if speaks else lambda _: None),
        _errors(folder, launch),
        shown(planned.config, speaks) as notify,
    ):
        result = train(planned.config, folder, data_root=root, notify=notify, fabric=fabric)
    return TrainedRun(planned.config, result, folder, speaks)


def _planned(
    data: str, options: Mapping[str, Any], launch: Launch
) -> tuple[PlannedRun, str | None]:
    """The only run of the plan of these arguments, and the absolute data root."""
    row = options["methods"][0]
    if row == ENSEMBLE:
        raise BalanceError(
            f"The row '{ENSEMBLE}' trains nothing, it averages the rows {alone_row('<modality>')}; "
            f"train those, then write `equimodal compare --methods {ENSEMBLE} --resume`."
        )
    options = dict(options)
    data, root = sources.ready(
        data, options.pop("data_root", None), cache=options.pop("cache", None),
        progress=launch.rank == 0,
    )  # fmt: skip
    plan = make_plan(data, data_root=root, **options)
    if len(plan.runs) > 1:
        rows = ", ".join(plan.config["methods"])
        raise BalanceError(f"'{row}' stands for several rows; write one of {rows}.")
    if not launch.alone:
        _check_shared(plan.runs[0].config, launch.processes)
    return plan.runs[0], root


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


def _warn(text: str) -> None:
    print(f"equimodal: warning: {text}", file=sys.stderr)
