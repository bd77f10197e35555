"""Runs as tasks of the cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.queue import Queue
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from equimodal.comparison.engines.crew import Message
from equimodal.comparison.engines.on_ray.cluster import room, shares
from equimodal.comparison.engines.on_ray.task import Origin, not_shared, trained
from equimodal.comparison.execution import Execution
from equimodal.errors import BalanceError, bounded
from equimodal.storage.files import make_folder
from equimodal.storage.printing import warn
from equimodal.training.run_folder import RESULT
from equimodal.workers.process import one_thread

TRIES = 4
"""How often a run begins without finishing an epoch before it counts as failed."""
_RETRIES = 1000  # of Ray, which does not know about epochs
_LOOK = 0.2  # seconds between looks at what the runs said
_ARRIVAL = 60.0  # seconds for which a network's storage may hide a file that another machine wrote


class RayCrew:
    """Runs as tasks of the cluster that `session` has opened.

    Args:
        most: how many of them wait or are at work at a time.
        folder: that all machines are to share.
        execution: the shares of a run.
        device: whether a run needs a GPU.
        table: where its samples come from, where they are those of a table.
    """

    def __init__(
        self, most: int, folder: Path, execution: Execution, device: str, table: Origin | None
    ) -> None:
        if not room(execution, device):
            _warn_of_room(execution, device)
        make_folder(folder)  # by which a machine knows that it shares it
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._news = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
        self._most, self._shared, self._table = most, folder.absolute(), table
        cpus, gpus = shares(execution, device)
        self._task = ray.remote(trained).options(
            num_cpus=cpus, num_gpus=gpus, max_retries=_RETRIES,
            runtime_env={"env_vars": one_thread({})},
        )  # fmt: skip
        self._jobs: dict[Any, tuple[int, Mapping[str, Any]]] = {}
        self._workers: dict[int, int] = {}
        self._tries: dict[int, int] = {}
        self._patience = _ARRIVAL

    @property
    def free(self) -> int:
        """How many runs may be handed to the cluster."""
        return self._most - len(self._jobs)

    def begin(self, run: int, job: Mapping[str, Any]) -> None:
        """Hand a run to the cluster."""
        full = {**job, "run": run, "folder": str(Path(job["folder"]).absolute())}
        reference = self._task.remote(full, str(self._shared), self._table, self._news)
        self._jobs[reference] = run, full

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """What the runs said, and how those ended that did."""
        end = None if timeout is None else time.monotonic() + timeout
        while self._jobs:
            left = _LOOK if end is None else max(0.0, min(_LOOK, end - time.monotonic()))
            over, _ = ray.wait(list(self._jobs), num_returns=1, timeout=left)
            # What a task says is here before its end is.
            found = [said for message in self._read() for said in self._noted(message)]
            found += [said for reference in over for said in self._ended(reference)]
            if found or (end is not None and time.monotonic() >= end):
                yield from found
                return

    def close(self) -> None:
        """Cancel what is at work."""
        for reference in self._jobs:
            with suppress(RayError):
                ray.cancel(reference, force=True)
        self._jobs = {}
        self._news.shutdown(force=True)  # does nothing the second time

    def _read(self) -> list[Message]:
        count = self._news.qsize()
        return self._news.get_nowait_batch(count) if count else []

    def _noted(self, message: Message) -> Iterator[Message]:
        """A message with its worker; of a run that begins again also that it does."""
        run = message["run"]
        if run not in {r for r, _ in self._jobs.values()}:
            return  # of one that was given up
        if message["kind"] == "epoch":
            self._tries[run] = 0
        if message["kind"] == "started":
            again = run in self._workers
            self._tries[run] = self._tries.get(run, 0) + 1
            taken = set(self._workers.values())
            self._workers.setdefault(run, next(k for k in range(len(taken) + 1) if k not in taken))
            if self._tries[run] > TRIES:
                yield self._given_up(run)
                return
            if again:
                said = (
                    "the process or the machine of a run was lost; it goes on from its last epoch"
                )
                yield {"kind": "warning", "run": run, "worker": self._workers[run], "message": said}
        yield {**message, "worker": self._workers[run]}

    def _given_up(self, run: int) -> Message:
        reference = next(ref for ref, (other, _) in self._jobs.items() if other == run)
        ray.cancel(reference, force=True)
        del self._jobs[reference]
        said = (
            f"its process was lost {TRIES} times without finishing an epoch: it crashes, or its "
            "machine has too little memory"
        )
        return {"kind": "failed", "run": run, "message": said, "worker": self._workers.pop(run)}

    def _ended(self, reference: Any) -> Iterator[Message]:
        if reference not in self._jobs:
            return  # given up at the same time
        run, job = self._jobs.pop(reference)
        try:
            message: Message = ray.get(reference)
        except RayError as error:
            first = next(iter(str(error).splitlines()), "")
            message = {"kind": "failed", "message": f"Ray gave it up: {bounded(first, 300)}"}
        if message["kind"] == "finished" and not self._arrived(Path(job["folder"]) / RESULT):
            message = {"kind": "failed", "message": not_shared(self._shared)}
        yield {**message, "run": run, "worker": self._workers.pop(run, 0)}

    def _arrived(self, file: Path) -> bool:
        """Whether the file that another machine wrote is here, waited for once."""
        end = time.monotonic() + self._patience
        while not file.exists():
            if time.monotonic() >= end:
                self._patience = 0.0
                return False
            time.sleep(_LOOK)
            with suppress(OSError):
                os.listdir(file.parent)  # brings a network's storage up to date
        return True


def _warn_of_room(execution: Execution, device: str) -> None:
    """Refuse a cluster of one's own that has no room for a run; others may grow."""
    cpus, gpus = shares(execution, device)
    said = f"no machine of the cluster has the {cpus:g} CPUs and {gpus:g} GPUs that a run takes"
    if execution.address is None:
        raise BalanceError(f"N{said[1:]}; write less for --cpus-per-run or --gpus-per-run.")
    warn(f"{said}; runs wait until one has")
