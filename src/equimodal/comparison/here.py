"""Trains the runs of a plan in this process, one after the other: for runs of a second or less."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from equimodal.comparison.engine import Listener
from equimodal.comparison.plan import PlannedRun
from equimodal.comparison.worker import Message, outcome, warnings_told


def execute_here(
    runs: Sequence[PlannedRun], folder: Path, *, listener: Listener, data_root: str | None = None
) -> dict[int, str]:
    """Train all runs on one thread; returns by index why those failed that did.

    Numbers are those of `engine.execute`; an interruption ends after the last finished epoch, and
    a crash takes this process with it.
    """
    failures: dict[int, str] = {}
    with _one_thread():
        for index, planned in enumerate(runs):
            listener.started(0, index)
            message = _trained(planned, index, folder, listener, data_root)
            if message["kind"] == "failed":
                failures[index] = message["message"]
    return failures


def _trained(
    planned: PlannedRun, index: int, folder: Path, listener: Listener, data_root: str | None
) -> Message:
    def tell(message: Message) -> None:
        listener.heard(0, {**message, "run": index})

    def notify(epoch: int, accuracy: float) -> None:
        tell({"kind": "epoch", "epoch": epoch, "accuracy": accuracy})

    with warnings_told(lambda text: tell({"kind": "warning", "message": text})):
        ending = outcome(planned.config, folder / planned.folder, data_root, notify)
    tell(ending)
    return ending


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
