"""Whether this process trains alone or with others: what its launcher left in the environment.

Nothing here imports torch, so that it can be asked before torch is set up.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from equimodal.errors import BalanceError, ToldElsewhere

_INTERACTIVE = ("bash", "interactive")


@dataclass(frozen=True)
class Launch:
    """How many processes train one run, on how many machines, and which of them this is.

    ``rank`` counts over all machines, ``local_rank`` on this one, both from 0. ``launcher`` is
    ``torchrun`` or ``srun``, and None for a process that trains alone.
    """

    launcher: str | None = None
    processes: int = 1
    machines: int = 1
    rank: int = 0
    local_rank: int = 0

    @property
    def alone(self) -> bool:
        """Whether this is the only process."""
        return self.processes == 1

    @property
    def processes_per_machine(self) -> int:
        """Processes on each machine."""
        return self.processes // self.machines


def launched(environment: Mapping[str, str]) -> Launch:
    """What the environment says of the processes that torchrun or srun started.

    Raises:
        BalanceError: the machines have different numbers of processes, or another launcher is at
            work.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        return _by_torchrun(environment)
    if int(environment.get("WORLD_SIZE", 1)) > 1:
        raise BalanceError(
            f"WORLD_SIZE is {environment['WORLD_SIZE']}, but neither torchrun nor srun started "
            "this process; write `torchrun ... -m equimodal train ...`."
        )
    interactive = environment.get("SLURM_JOB_NAME") in _INTERACTIVE
    if "SLURM_PROCID" in environment and not interactive:
        return _by_srun(environment)
    return Launch()


def is_first_here(environment: Mapping[str, str]) -> bool:
    """Whether this is the first process of this machine, or the only one."""
    return environment.get("LOCAL_RANK", environment.get("SLURM_LOCALID", "0")) == "0"


@contextmanager
def told_once(environment: Mapping[str, str]) -> Iterator[None]:
    """A mistake that all processes of this machine make, as before they meet, is told by one.

    Raises:
        ToldElsewhere: in the place of a `BalanceError`, on all but the first of this machine.
    """
    try:
        yield
    except BalanceError as error:
        if is_first_here(environment):
            raise
        raise ToldElsewhere(str(error)) from error


def import_fabric() -> None:
    """Import lightning_fabric without torchmetrics, of which it asks the version only.

    torchmetrics brings transformers where that is installed: seconds of every process's start. For
    processes that are ours alone, as Fabric's detection of spikes does need torchmetrics.
    """
    missing = sys.modules.setdefault("torchmetrics", None)  # type: ignore[arg-type]
    import lightning_fabric  # noqa: F401

    if missing is None:
        del sys.modules["torchmetrics"]


def _by_torchrun(environment: Mapping[str, str]) -> Launch:
    processes, here = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
    if processes == 1:
        return Launch()
    if processes % here:
        raise BalanceError(
            f"torchrun started {here} of {processes} processes on this machine; write the same "
            "--nproc-per-node on every machine."
        )
    return Launch(
        "torchrun", processes, processes // here, int(environment["RANK"]),
        int(environment["LOCAL_RANK"]),
    )  # fmt: skip


def _by_srun(environment: Mapping[str, str]) -> Launch:
    processes = int(environment.get("SLURM_NTASKS", 1))
    if processes == 1:
        return Launch()
    machines, here = (environment.get(f"SLURM_{n}") for n in ("NNODES", "NTASKS_PER_NODE"))
    if machines is None or here is None or int(machines) * int(here) != processes:
        raise BalanceError(
            f"SLURM started {processes} tasks, with {here} a node on {machines} nodes; write "
            "--nodes and --ntasks-per-node, whose product is the number of tasks, and no --ntasks."
        )
    return Launch(
        "srun", processes, int(machines), int(environment["SLURM_PROCID"]),
        int(environment["SLURM_LOCALID"]),
    )  # fmt: skip
