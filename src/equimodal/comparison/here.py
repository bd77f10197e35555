"""Trains the runs of a plan in this process, one after the other: for runs of a second or less."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from equimodal.comparison.engine import Listener
from equimodal.comparison.plan import PlannedRun
from equimodal.comparison.worker import outcome, relevant


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
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")
                message = _outcome(planned, folder / planned.folder, index, listener, data_root)
            for text in relevant(caught):
                listener.heard(0, {"kind": "warning", "run": index, "message": text})
            if message["kind"] == "failed":
                failures[index] = message["message"]
            listener.heard(0, {**message, "run": index})
    return failures


def _outcome(
    planned: PlannedRun, folder: Path, index: int, listener: Listener, data_root: str | None
) -> dict[str, Any]:
    def notify(epoch: int, accuracy: float) -> None:
        listener.heard(0, {"kind": "epoch", "run": index, "epoch": epoch, "accuracy": accuracy})

    return outcome(planned.config, folder, data_root, notify)


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
