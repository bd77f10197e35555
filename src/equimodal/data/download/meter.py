"""Shows how far a download is: a bar in a terminal, one line elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from equimodal.data.download.connection import Show
from equimodal.storage.console import Console


@contextmanager
def meter(name: str, console: Console) -> Iterator[Show]:
    """A function to be told the bytes so far and in all, while ``name`` is fetched."""
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=None)
        seen = [0]

        def show(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)
            seen[0] = done

        yield show
    if not console.is_terminal:
        console.print(f"fetched {name}, {seen[0]:,} bytes", highlight=False)
