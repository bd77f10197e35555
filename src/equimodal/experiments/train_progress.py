"""Shows how far one run is: a bar in a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from equimodal.comparison.progress import bars
from equimodal.storage.console import Console
from equimodal.training.config import RunConfig

Notify = Callable[[int, float], None]
_NUMBERS = "{task.completed}/{task.total} epochs{task.fields[note]}"


class Pace:
    """How long the epochs that are left take, at the pace of those seen.

    Args:
        epochs: epochs of the run.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self._first: int | None = None
        self._started = time.monotonic()

    def left(self, epoch: int) -> str:
        """After so many finished epochs: "3:20 left"."""
        self._first = epoch if self._first is None else self._first
        seen = epoch - self._first + 1
        seconds = round((time.monotonic() - self._started) / seen * (self.epochs - epoch))
        return f"{seconds // 60}:{seconds % 60:02d} left"


@contextmanager
def shown(config: RunConfig, speaks: bool) -> Iterator[Notify | None]:
    """Shows every finished epoch on the error stream while the block lasts; None to be silent."""
    console = Console(stderr=True)
    if not speaks:
        yield None
    elif console.is_terminal:
        with bars(console, _NUMBERS) as own:
            yield _bar(own, config)
    else:
        yield _lines(console, config)


def _lines(console: Console, config: RunConfig) -> Notify:
    pace = Pace(config.epochs)

    def notify(epoch: int, accuracy: float) -> None:
        reached = f"validation {accuracy:.3f}, {pace.left(epoch)}"
        console.print(f"epoch {epoch}/{config.epochs}: {reached}", highlight=False, soft_wrap=True)

    return notify


def _bar(own: Progress, config: RunConfig) -> Notify:
    pace = Pace(config.epochs)
    bar = own.add_task(config.title, total=config.trained_epochs, note="")

    def notify(epoch: int, accuracy: float) -> None:
        note = f", validation {accuracy:.3f}, {pace.left(epoch)}"
        own.update(bar, completed=epoch, note=note)

    return notify
