"""How far reading or making many files is: a bar in a terminal, a line at the end elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeRemainingColumn as Remaining

from equimodal.storage.console import Console

Advance = Callable[[str, int, int], None]
"""Called with (what is done, items done, items in all)."""
_WORTH_A_LINE = 1000


@contextmanager
def shown(*, progress: bool = True, console: Console | None = None) -> Iterator[Advance]:
    """What work on many items reports to, on the error stream unless a console is given; nothing is
    shown without ``progress``."""
    console = console or Console(stderr=True, highlight=False, quiet=not progress)
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=console, transient=True) as bars:
        yield _bars(bars)


def say(message: str, *, progress: bool) -> None:
    """A line on the error stream, where progress is shown."""
    Console(stderr=True, highlight=False, quiet=not progress).print(message, markup=False)


def _lines(console: Console) -> Advance:
    def advance(what: str, finished: int, total: int) -> None:
        if finished == total >= _WORTH_A_LINE:
            console.print(f"{what}: {total:,} items", markup=False)

    return advance


def _bars(bars: Progress) -> Advance:
    tasks: dict[str, TaskID] = {}

    def advance(what: str, finished: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=finished)

    return advance
