"""Several processes that train one run: how they meet, what they share, and how they end.

Lightning Fabric makes the process group and wraps the model. An error on one rank ends all of
them: the rank that fails first says why, the others end when their connection to it breaks.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor

from equimodal.errors import BalanceError, ToldElsewhere
from equimodal.training.launch import Launch, told_once

PATIENCE = timedelta(minutes=30)
_FAILURES = "equimodal/failures"
_FAREWELL = 5.0

T = TypeVar("T")


def one_process(device: str) -> Fabric:
    """A Fabric of this process alone, whatever launched it."""
    kind, _, index = device.partition(":")
    devices = [int(index)] if index else 1
    return Fabric(accelerator=kind, devices=devices, plugins=[LightningEnvironment()])


@contextmanager
def together(device: str, launch: Launch, *, in_turn: bool = False) -> Iterator[Fabric]:
    """A Fabric over all processes of the launch, which end together.

    Args:
        device: ``cpu`` or ``cuda``, where every process takes a card of its own.
        launch: the processes.
        in_turn: whether some encoders have no gradient in an update.

    Raises:
        BalanceError: the processes cannot meet; or the first error of any rank, on that rank.
        ToldElsewhere: on the other ranks.
    """
    with told_once(os.environ):
        fabric = _fabric(device, launch, in_turn)
    try:
        _meet(fabric, launch)
        yield fabric
        dist.destroy_process_group()
    except KeyboardInterrupt:
        atexit.register(_leave, 130)
        raise
    except Exception as error:
        atexit.register(_leave, 2)
        raise _first_to_speak(error, launch) from error


def from_first(fabric: Fabric, read: Callable[[], T]) -> T:
    """What ``read`` gives on the first rank, where alone it is called, on every rank."""
    return cast(T, fabric.broadcast(read() if fabric.is_global_zero else None))


def on_any(fabric: Fabric, flag: bool) -> bool:
    """Whether the flag is set on any rank."""
    return mean_over_ranks(fabric, torch.tensor(float(flag), device=fabric.device)) > 0


def mean_over_ranks(fabric: Fabric, value: Tensor) -> float:
    """Mean of a scalar over all ranks. () -> number"""
    return float(cast(Tensor, fabric.all_reduce(value, reduce_op="mean")))


def is_lost(error: Exception) -> bool:
    """Whether the error says that the connection to another rank broke or timed out."""
    if isinstance(error, BalanceError):
        return False
    return isinstance(error, dist.DistError) or "gloo" in str(error)


def _fabric(device: str, launch: Launch, in_turn: bool) -> Fabric:
    kind, numbered, _ = device.partition(":")
    if numbered:
        raise BalanceError(
            f"'{device}' is one card for {launch.processes} processes; write --device {kind}, and "
            "each takes its own."
        )
    here = launch.processes_per_machine
    seen = torch.cuda.device_count() if kind == "cuda" else here
    if seen < here:
        raise BalanceError(
            f"{here} processes on this machine need a card each and must see all of them, found "
            f"{seen}; start fewer processes, or under SLURM write --gpus-per-node={here} in the "
            "place of --gpus-per-task."
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    strategy = DDPStrategy(
        cluster_environment=_environment(launch), timeout=PATIENCE, find_unused_parameters=in_turn
    )
    return Fabric(accelerator=kind, devices=here, num_nodes=launch.machines, strategy=strategy)


def _environment(launch: Launch) -> ClusterEnvironment:
    if launch.launcher == "torchrun":
        return TorchElasticEnvironment()
    return SLURMEnvironment(auto_requeue=False)


def _meet(fabric: Fabric, launch: Launch) -> None:
    try:
        fabric.launch()
    except RuntimeError as error:  # torch's errors of the network are among these
        where = ":".join(os.environ.get(key, "?") for key in ("MASTER_ADDR", "MASTER_PORT"))
        raise BalanceError(
            f"The {launch.processes} processes did not meet at {where} within "
            f"{PATIENCE.total_seconds() / 60:g} minutes ({str(error).splitlines()[0]}); start all "
            "of them, and look whether the machines reach that address."
        ) from error


def _first_to_speak(error: Exception, launch: Launch) -> BalanceError:
    """The error with the rank that failed, on the first that does; elsewhere that there is one."""
    if dist.is_initialized():
        first = _is_first(launch)
        if launch.launcher == "srun" and launch.rank == 0:
            _keep_store(launch)
        if not first:
            return ToldElsewhere(str(error))
    said = str(error)
    if is_lost(error):
        said = (
            "the connection to another process broke: it was killed, or its machine is gone. "
            "Finished epochs are kept; repeat the command with --resume."
        )
    return BalanceError(f"rank {launch.rank} of {launch.processes}: {said}")


def _is_first(launch: Launch) -> bool:
    try:
        return dist.distributed_c10d._get_default_store().add(_FAILURES, 1) == 1
    except RuntimeError:
        # The store was killed with the first rank, which held it.
        return launch.rank == 1


def _keep_store(launch: Launch) -> None:
    """Break the connections of the first rank, and hold the store until all others have failed."""
    store = dist.distributed_c10d._get_default_store()
    if dist.get_backend() == "gloo":
        dist.destroy_process_group()
    deadline = time.monotonic() + _FAREWELL
    while store.add(_FAILURES, 0) < launch.processes and time.monotonic() < deadline:
        time.sleep(0.05)


def _leave(code: int) -> None:
    """End without a farewell to the group: it could wait for a rank that is gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
