"""How long the steps of an epoch take, without stopping an accelerator to ask."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch

T = TypeVar("T")


class StepClock:
    """Marks the ends of steps; their lengths are read once, after the last.

    Args:
        device: where the steps run; an accelerator's own clock is used on CUDA.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[Any] = []
        self.waited = 0.0
        """Seconds spent in `waiting` since `start`."""

    def start(self) -> None:
        """Forget all steps; the first one begins now."""
        self._marks, self.waited = [self._mark()], 0.0

    def waiting(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches; how long each of them took to come is added up."""
        source, asked = iter(batches), time.perf_counter()
        for batch in source:
            self.waited += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()

    def tick(self) -> None:
        """A step ends, the next begins."""
        self._marks.append(self._mark())

    def seconds(self) -> list[float]:
        """Lengths of the steps since `start`, in seconds."""
        pairs = list(zip(self._marks, self._marks[1:], strict=False))
        if not self._cuda:
            return [later - earlier for earlier, later in pairs]
        self._marks[-1].synchronize()
        return [earlier.elapsed_time(later) / 1000 for earlier, later in pairs]

    def _mark(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event
