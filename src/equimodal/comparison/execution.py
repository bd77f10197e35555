"""Where and how an experiment is carried out; nothing of it changes a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from equimodal.checks import is_number, require_choice, require_flag, require_path, require_text
from equimodal.comparison.experiment import MOST, Experiment, check_count
from equimodal.data.table import stem_of
from equimodal.errors import BalanceError, quoted

LOCAL, RAY = "local", "ray"
"""The engines."""
EVERY_CARD = "cuda:all"
"""The device of runs that are shared out over the cards of a machine."""


@dataclass(frozen=True)
class Execution:
    """Where and how an experiment is carried out; nothing of it changes a number.

    Args:
        data_root: folder of the data set's own files, or that a table's paths start from.
        cache: folder of a table's decoded samples; None: in the user's cache.
        jobs: runs at a time; None: one a processor, or one on an accelerator.
        out: folder of the results; None: see `folder`.
        resume: continue what is in that folder instead of refusing it.
        progress: show how far it is, on the error stream.
        here: train in this process, one run after the other.
        engine: who trains runs: ``local``, processes of this machine, or ``ray``, a Ray cluster.
        address: of a running cluster, ``auto`` for one of this machine; None: one of its own.
        cpus_per_run: what a run takes of a cluster's CPUs; None: one.
        gpus_per_run: of its GPUs, also a share of one; None: one on a device ``cuda``.

    Raises:
        BalanceError: there are no jobs, or a value is of another type.
    """

    data_root: str | Path | None = None
    cache: str | Path | None = None
    jobs: int | None = None
    out: str | Path | None = None
    resume: bool = False
    progress: bool = True
    here: bool = False
    engine: str = LOCAL
    address: str | None = None
    cpus_per_run: float | None = None
    gpus_per_run: float | None = None

    def __post_init__(self) -> None:
        require_choice("engine", self.engine, (LOCAL, RAY))
        if self.address is not None:
            require_text("address", self.address)
        for name in ("cpus_per_run", "gpus_per_run"):
            _check_share(name, getattr(self, name))
        for name in ("data_root", "cache", "out"):
            if getattr(self, name) is not None:
                require_path(name, getattr(self, name))
        for name in ("resume", "progress", "here"):
            require_flag(name, getattr(self, name))
        if self.jobs is not None:
            check_count("number of jobs", self.jobs)

    def folder(self, data: str, prefix: str = "") -> Path:
        """``out``, or ``results/<prefix><data>``, of a table its name without suffix."""
        return Path(f"results/{prefix}{stem_of(data)}" if self.out is None else self.out)


PLACES = tuple(field.name for field in fields(Execution))


def arranged(given: Mapping[str, Any]) -> tuple[Experiment, Execution]:
    """Arguments by their names, as what is done and where it is done.

    Raises:
        BalanceError: a value that cannot be honoured.
        TypeError: a name that neither has.
    """
    where = {name: given[name] for name in PLACES if name in given}
    what = {name: value for name, value in given.items() if name not in PLACES}
    return Experiment(**what), Execution(**where)


def _check_share(name: str, given: object) -> None:
    """Raise `BalanceError` unless it is None, a share from 0 to 1, or a whole number above."""
    if given is None or (is_number(given) and 0 <= given <= MOST and (given < 1 or given % 1 == 0)):
        return
    raise BalanceError(
        f"{name} must be a share such as 0.25, or a whole number; found {quoted(given)}."
    )


def check_device_name(device: str) -> None:
    """Raise `BalanceError` unless some machine may have such a device, or cards to share out."""
    kind, colon, index = device.partition(":")
    numbered = kind == "cuda" and index.isdecimal() and len(index) < 5
    if device != EVERY_CARD and (kind not in ("cpu", "cuda") or (colon and not numbered)):
        raise BalanceError(f"There is no device '{device}'; write cpu, cuda or cuda:0.")


def check_device(device: str) -> None:
    """Raise `BalanceError` unless PyTorch sees the one device."""
    import torch

    check_device_name(device)
    if device == EVERY_CARD:
        raise BalanceError(f"One card is wanted, found {device}; write cuda, or cuda:0.")
    kind, _, index = device.partition(":")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(index or 0) >= count:
        raise BalanceError(
            f"The device '{device}' is not here: PyTorch sees {count} CUDA devices; write cpu."
        )
