"""Trains the runs of a plan in parallel processes of this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from equimodal.comparison.plan import PlannedRun
from equimodal.comparison.worker_process import WorkerProcess
from equimodal.errors import BalanceError
from equimodal.workers.process import processors, ready


class Listener(Protocol):
    """Hears what happens to the runs in the workers; both are numbered from 0."""

    def started(self, worker: int, run: int) -> None:
        """A worker took a run."""

    def heard(self, worker: int, message: Mapping[str, Any]) -> None:
        """A run sent a message of the kind "epoch", "warning", "finished" or "failed"."""


def execute(
    runs: Sequence[PlannedRun],
    folder: Path,
    *,
    jobs: int,
    listener: Listener,
    data_root: str | None = None,
) -> dict[int, str]:
    """Train all runs, ``jobs`` at a time; returns by index why those failed that did.

    A worker that dies fails the run it was at, and a new one takes its place.

    Raises:
        BalanceError: no worker can be started.
    """
    engine = _Engine(runs, folder, data_root, listener)
    try:
        for _ in range(min(jobs, len(runs))):
            engine.hire()
        while engine.workers:
            engine.turn()
    finally:
        for worker in engine.workers:
            worker.close()
    return engine.failures


def default_jobs(device: str) -> int:
    """One process for each processor that this one may use, or one for an accelerator."""
    return processors() if device == "cpu" else 1


class _Engine:
    """The runs that wait, the workers, those of them that wait too, and the runs that failed."""

    def __init__(
        self, runs: Sequence[PlannedRun], folder: Path, data_root: str | None, listener: Listener
    ) -> None:
        self.runs, self.folder, self.data_root, self.listener = runs, folder, data_root, listener
        self.waiting = list(range(len(runs)))
        places = {run.folder: index for index, run in enumerate(runs)}
        self._before = [[places[p] for p in run.learns_from if p in places] for run in runs]
        self._over: set[int] = set()
        self._idle: list[WorkerProcess] = []
        self.failures: dict[int, str] = {}
        self.workers: list[WorkerProcess] = []

    def hire(self, index: int | None = None) -> None:
        """Start a worker, in the place of another where an index is given."""
        self.workers.append(WorkerProcess(len(self.workers) if index is None else index))

    def turn(self) -> None:
        """Wait for messages and answer each."""
        for worker in ready(self.workers):
            message = worker.receive()
            if message is None:
                self._replace(worker)
            else:
                self._answer(worker, message)

    def _answer(self, worker: WorkerProcess, message: Mapping[str, Any]) -> None:
        if message["kind"] != "ready":
            self.listener.heard(worker.index, message)
        if message["kind"] == "failed":
            self.failures[message["run"]] = message["message"]
        if message["kind"] in ("finished", "failed"):
            self._over.add(message["run"])
        if message["kind"] in ("ready", "finished", "failed"):
            self._assign(worker)
            self._wake()

    def _wake(self) -> None:
        """Give those that waited a run that may begin by now."""
        idle, self._idle = self._idle, []
        for worker in idle:
            self._assign(worker)

    def _assign(self, worker: WorkerProcess) -> None:
        """Give the worker the next run whose teachers are trained, let it wait for one, or go."""
        if not self.waiting:
            self.workers.remove(worker)
            return worker.close()
        run = next((r for r in self.waiting if self._over.issuperset(self._before[r])), None)
        if run is None:
            return self._idle.append(worker)
        self.waiting.remove(run)
        planned = self.runs[run]
        job = {
            "config": planned.config.as_dict(),
            "folder": str(self.folder / planned.folder),
            "data_root": self.data_root,
        }
        worker.assign(run, job)
        self.listener.started(worker.index, run)

    def _replace(self, worker: WorkerProcess) -> None:
        """Report the run of a dead worker; the waiting ones go to a new worker."""
        self.workers.remove(worker)
        ending = worker.ending()
        worker.close()
        if worker.run is None:
            if not self.workers:
                raise BalanceError(f"The training processes cannot start: {ending}.")
            return
        message = f"the process that trained it died ({ending})"
        self.failures[worker.run] = message
        self._over.add(worker.run)
        self.listener.heard(worker.index, {"kind": "failed", "run": worker.run, "message": message})
        if self.waiting:
            self.hire(worker.index)
        self._wake()
