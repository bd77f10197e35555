"""Shows how far a comparison is: live in a terminal, as plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column as RichColumn

from equimodal.comparison.engines.crew import Listener
from equimodal.comparison.plan import PlannedRun
from equimodal.storage.console import Console

_KNOWN = 0.05


class Silence:
    """Shows nothing."""

    def started(self, worker: int, run: int) -> None:
        """Ignore it."""

    def heard(self, worker: int, message: Mapping[str, Any]) -> None:
        """Ignore it."""


class Tally:
    """How much is done of the runs that are to be trained, in epochs; an evaluation counts as one.

    Args:
        runs: the runs.
    """

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self.runs = runs
        self.sizes = [run.config.trained_epochs + 1 for run in runs]
        self.done = [0] * len(runs)
        self.over = 0
        self._started = time.monotonic()

    def take(self, message: Mapping[str, Any]) -> None:
        """Count a message of a worker."""
        run = message["run"]
        if message["kind"] == "epoch":
            self.done[run] = message["epoch"]
        elif message["kind"] in ("finished", "failed"):
            self.done[run] = self.sizes[run]
            self.over += 1

    @property
    def remaining(self) -> str:
        """Time that the rest takes at the speed so far, ", 3:20 left"; "" before that is known."""
        done, total = sum(self.done), sum(self.sizes)
        if done < _KNOWN * total:
            return ""
        seconds = round((time.monotonic() - self._started) * (total - done) / done)
        return f", {seconds // 60}:{seconds % 60:02d} left"


class Lines:
    """One line for each run that is over, and one for each warning, the first time it comes."""

    def __init__(self, console: Console, runs: Sequence[PlannedRun]) -> None:
        self.console = console
        self.tally = Tally(runs)
        self._accuracy: dict[int, float] = {}
        self._warned: set[str] = set()

    def started(self, worker: int, run: int) -> None:
        """Nothing to show yet."""

    def heard(self, worker: int, message: Mapping[str, Any]) -> None:
        """Count the message, and print what is worth a line."""
        self.tally.take(message)
        if message["kind"] == "epoch":
            self._accuracy[message["run"]] = message["accuracy"]
        elif message["kind"] == "warning":
            self.warn(message)
        else:
            self.conclude(message)

    def warn(self, message: Mapping[str, Any]) -> None:
        """Print a warning, once for all seeds."""
        row = self.tally.runs[message["run"]].config.method
        text = f"{row}: warning: {message['message']}"
        if text not in self._warned:
            self._warned.add(text)
            self.print(text)

    def conclude(self, message: Mapping[str, Any]) -> None:
        """Print how a run ended."""
        tally = self.tally
        title = tally.runs[message["run"]].config.title
        if message["kind"] == "failed":
            return self.print(f"{title}: failed: {message['message']}")
        accuracy = self._accuracy.get(message["run"])
        reached = "" if accuracy is None else f", validation {accuracy:.3f}"
        self.print(
            f"[{tally.over}/{len(tally.runs)}] {title}: {message['status']}{reached}"
            f"{tally.remaining}"
        )

    def print(self, text: str) -> None:
        """Print a line as it is: no markup, and no emoji for the ":sound:" of "alone:sound:"."""
        self.console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


class Live(Lines):
    """A bar over all runs and a line for each worker, in place; warnings and failures stay."""

    def __init__(self, console: Console, runs: Sequence[PlannedRun]) -> None:
        super().__init__(console, runs)
        self.bars = bars(console, "{task.completed}/{task.total} {task.fields[note]}")
        self.overall = self.bars.add_task("runs", total=len(runs), note="")
        self._of_worker: dict[int, TaskID] = {}

    def started(self, worker: int, run: int) -> None:
        """Show the run in its worker's line."""
        config = self.tally.runs[run].config
        if worker not in self._of_worker:
            self._of_worker[worker] = self.bars.add_task(config.title, note="")
        self.bars.update(
            self._of_worker[worker],
            description=config.title,
            completed=0,
            total=config.trained_epochs,
            note="epochs",
        )

    def heard(self, worker: int, message: Mapping[str, Any]) -> None:
        """Move the bars."""
        super().heard(worker, message)
        if message["kind"] == "epoch":
            self.bars.update(
                self._of_worker[worker],
                completed=message["epoch"],
                note=f"epochs, validation {message['accuracy']:.3f}",
            )
        self.bars.update(
            self.overall, completed=self.tally.over, note=f"runs{self.tally.remaining}"
        )

    def conclude(self, message: Mapping[str, Any]) -> None:
        """Print what did not go well; the bars show the rest."""
        if message.get("status") != "finished":
            super().conclude(message)


def bars(console: Console, numbers: str) -> Progress:
    """Bars whose numbers are never cut off: where they do not fit, names wrap and the bar is short.

    Args:
        console: where they are shown.
        numbers: what stands behind each bar, as a column of Rich takes it.
    """
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=RichColumn(overflow="fold")),
        BarColumn(),
        TextColumn(numbers, markup=False, table_column=RichColumn(no_wrap=True)),
        console=console,
    )


@contextmanager
def shown(runs: Sequence[PlannedRun], *, progress: bool) -> Iterator[Listener]:
    """A listener that shows the runs on the error stream while the block lasts."""
    console = Console(stderr=True)
    if not progress or not runs:
        yield Silence()
    elif console.is_terminal:
        live = Live(console, runs)
        with live.bars:
            yield live
    else:
        yield Lines(console, runs)
