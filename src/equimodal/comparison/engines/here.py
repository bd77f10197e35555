"""This process as the crew: for runs of a second or less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from equimodal.comparison.engines.crew import Message
from equimodal.comparison.engines.worker import carried_out


class HereCrew:
    """Trains one run after the other on one thread, each while its messages are asked for.

    The numbers are those of worker processes; an interruption ends after the last finished epoch,
    and a crash takes this process with it.
    """

    def __init__(self) -> None:
        self._next: tuple[int, Mapping[str, Any]] | None = None

    @property
    def free(self) -> int:
        """One, or none where a run waits for `messages`."""
        return int(self._next is None)

    def begin(self, run: int, job: Mapping[str, Any]) -> None:
        """Remember the run."""
        self._next = run, job

    def messages(self, timeout: float | None = None) -> Iterator[Message]:
        """Train the run that waits, and all that it said."""
        assert self._next is not None
        (run, job), self._next = self._next, None
        said: list[Message] = []
        with _one_thread():
            said.append(carried_out(job, said.append))
        return iter([{**message, "run": run, "worker": 0} for message in said])

    def close(self) -> None:
        """Nothing is at work."""


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
