"""How the command line shows a comparison."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from equimodal.errors import BalanceError, bounded, printable
from equimodal.storage.printing import warn

PIPE_WIDTH = 160
"""Columns of a table that goes to no terminal."""


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """What this library warns of, each as one line on stderr without its place in the source."""
    usual = warnings.formatwarning

    def written(
        message: Warning | str, category: type[Warning], filename: str, lineno: int,
        line: str | None = None,
    ) -> str:  # fmt: skip
        if "equimodal" not in filename:
            return usual(message, category, filename, lineno, line)
        return f"equimodal: warning: {printable(bounded(str(message)))}\n"

    warnings.formatwarning = written
    try:
        yield
    finally:
        warnings.formatwarning = usual


def show(results: dict[str, Any], folder: str | Path) -> None:
    """The table of a comparison and what follows from it and the verdict in its folder."""
    from equimodal import report
    from equimodal.storage.console import Console

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    console.print(report.table(results, width=console.width))
    console.print()
    for line in report.conclusions(results, report.verdict_words(folder, results)):
        console.print(line, markup=False, emoji=False)
    console.print()


def warn_of_divergence(runs: list[dict[str, Any]]) -> None:
    """Tell of runs that diverged; where all that were trained did, there is nothing to compare."""
    diverged = [run for run in runs if run["status"] == "diverged"]
    if not diverged:
        return
    trained = [run for run in runs if run["lr"] is not None]
    said = f"{len(diverged)} of {len(trained)} trained runs diverged. {diverged[0]['message']}"
    if len(diverged) == len(trained):
        raise BalanceError(said)
    warn(said)
