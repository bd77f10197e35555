"""The cluster: its beginning and end, and how many runs it has room for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from equimodal.comparison.execution import Execution
from equimodal.errors import BalanceError, one_line
from equimodal.workers.process import processors

_STORE = 100_000_000  # bytes of Ray's shared memory on this machine; nothing large is put there


@contextmanager
def session(execution: Execution, device: str) -> Iterator[None]:
    """A connection to the cluster, or a cluster on this machine alone; within another, that one.

    Raises:
        BalanceError: there is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray warns where it is unset
    given: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": True}
    if execution.address is None:
        cpus, _ = shares(execution, device)
        here = max(processors(), -int(-cpus * (execution.jobs or 1) // 1))
        given |= {"num_cpus": here, "include_dashboard": False, "object_store_memory": _STORE}
    try:
        ray.init(address=execution.address or "local", **given)
    except (ConnectionError, ValueError) as error:
        raise BalanceError(
            f"There is no Ray cluster at '{execution.address}' ({one_line(str(error))}); start one "
            "with `ray start --head`, or leave --address out for this machine alone."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def room(execution: Execution, device: str) -> int:
    """How many runs the machines that are there can train at a time."""
    cpus, gpus = shares(execution, device)
    places = 0
    for node in ray.nodes():
        has = node["Resources"] if node["Alive"] else {}
        fits = [
            has.get(name, 0.0) / share for name, share in (("CPU", cpus), ("GPU", gpus)) if share
        ]
        places += int(min(fits, default=float(node["Alive"])))
    return places


def shares(execution: Execution, device: str) -> tuple[float, float]:
    """CPUs and GPUs of a run."""
    cpus, gpus = execution.cpus_per_run, execution.gpus_per_run
    return (
        1.0 if cpus is None else cpus,
        float(device != "cpu") if gpus is None else gpus,
    )
