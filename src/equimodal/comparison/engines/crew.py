"""Trains the runs of a plan by a crew: processes of this machine, or tasks of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from equimodal.comparison.plan import PlannedRun

Message = dict[str, Any]
ENDINGS = ("finished", "paused", "failed")
"""The kinds of message with which a run leaves its place free for another."""


class Listener(Protocol):
    """Hears what happens to the runs in the workers; both are numbered from 0."""

    def started(self, worker: int, run: int) -> None:
        """A worker took a run."""

    def heard(self, worker: int, message: Mapping[str, Any]) -> None:
        """A run sent a message of the kind "epoch", "warning", "finished" or "failed"."""


class Crew(Protocol):
    """Places at which runs are trained."""

    @property
    def free(self) -> int:
        """How many runs may begin now."""

    def begin(self, run: int, job: Mapping[str, Any]) -> None:
        """Train a run, or go on with one, in a place that is free.

        Args:
            run: its number, in all messages about it.
            job: "config", "folder" and "data_root", and "until" where it is to pause.
        """

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """What the runs said by now, waited for so many seconds at most where nothing is there.

        Each message has the number of the "run" and of the "worker" that is at it, and a "kind":
        those that `Listener` hears, "started", and "paused". A run that died has "failed".

        Raises:
            BalanceError: nothing can be trained here.
        """

    def close(self) -> None:
        """End all that is at work, after its last finished epoch."""


def job_of(planned: PlannedRun, folder: Path, data_root: str | None) -> Message:
    """What a crew needs to train a run."""
    return {
        "config": planned.config.as_dict(),
        "folder": str(folder / planned.folder),
        "data_root": data_root,
    }


def execute(
    runs: Sequence[PlannedRun],
    folder: Path,
    *,
    crew: Crew,
    listener: Listener,
    data_root: str | None = None,
) -> dict[int, str]:
    """Train all runs in a crew; returns by index why those failed that did.

    A run begins as soon as those that it learns from are over, whether they failed or not.

    Raises:
        BalanceError: the crew cannot train.
    """
    waiting, over = list(range(len(runs))), set[int]()
    places = {run.folder: index for index, run in enumerate(runs)}
    before = [[places[p] for p in run.learns_from if p in places] for run in runs]
    failures: dict[int, str] = {}
    while len(over) < len(runs):
        ready = (r for r in waiting if over.issuperset(before[r]))
        for run in list(islice(ready, crew.free)):  # no further: most messages free no place
            waiting.remove(run)
            crew.begin(run, job_of(runs[run], folder, data_root))
        for message in crew.messages():
            run, worker = message["run"], message.pop("worker")
            if message["kind"] == "started":
                listener.started(worker, run)
                continue
            listener.heard(worker, message)
            if message["kind"] == "failed":
                failures[run] = message["message"]
            if message["kind"] in ENDINGS:
                over.add(run)
    return failures
