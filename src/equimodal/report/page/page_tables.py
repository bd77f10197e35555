"""The tables of the page: the comparison with its groups, and the list of runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from equimodal.comparison.words import ABSENT, duration, percent
from equimodal.data.target import ACCURACY
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.read.columns import EPOCH, EXTENT, Column, columns, meanings
from equimodal.report.read.controls import absent, certainty, further
from equimodal.report.read.families import families
from equimodal.report.read.reading import Results, Run
from equimodal.report.read.rows import (
    controls,
    finite,
    main_words,
    measured,
    ordered_rows,
    stored,
    turned_round,
    with_interval,
)
from equimodal.report.read.standing import Held, best_row

_BEST = "vs best"
_SPANNING = {
    "scores": "other scores",
    "probe": "linear probe",
    "inside": "inside the model",
    "present": "of samples that have",
    EPOCH: "epoch of",
    EXTENT: EXTENT,
}


def rows_content(results: Results, held: Held) -> dict[str, Any]:
    """What the table of rows shows: two lines of headings, rows by family, controls below them.

    ``held`` are the differences of the best row to the others.
    """
    every = columns(results)
    meaning = meanings(results)
    if held:
        every.insert(sum(c.group in ("accuracy", "vs joint") for c in every), _to_best(held))
        meaning[_BEST] = f"{main_words(results)} minus {best_row(results)}, the best by validation"
    headings = [(name, list(found)) for name, found in groupby(every, key=lambda c: c.group)]
    return {
        "columns": every,
        "headings": headings,
        "spanning": {
            name: _SPANNING.get(name, name)
            for name, found in headings
            if name in _SPANNING or len(found) > 1
        },
        "meaning": meaning,
        "meanings": [(name, meaning[name]) for name, _ in headings],
        "families": list(families(results).items()),
        "lines": len(ordered_rows(results)),
        "formats": {"csv": "CSV", "markdown": "Markdown", "latex": "LaTeX"},
        "controls": controls_table(results),
        "absent": absent(results),
        "certainty": certainty(results),
    }


def _to_best(held: Held) -> Column:
    """What the best row is ahead of every other, turned to the row's own side."""
    turned = {row: turned_round(found) for row, found in held.items()}
    cells = {row: with_interval(found) for row, found in turned.items()}
    return Column(_BEST, _BEST, cells, {row: found.shown for row, found in turned.items()})


def controls_table(results: Results) -> Table:
    """Every method against each of its controls, where one has several."""
    lines = [
        (row, control, with_interval(difference))
        for row in ordered_rows(results)
        for control, difference in controls(results, row).items()
        if difference is not None
    ]
    headings = ("method", "control", f"{main_words(results)} minus the control, points")
    return Table(headings, lines if further(results) else ())


def runs_table(results: Results) -> Table:
    """Every run with its seed, learning rate, status, main score and time."""
    headings = (
        "row", "seed", "lr", "status", f"test {main_words(results)}", "best epoch",
        "epoch of loss<0.1", "time", "message",
    )  # fmt: skip
    main = stored(results, ACCURACY)
    return Table(headings, [tuple(_run_cells(run, main)) for run in results["runs"]])


def _converged(run: Run) -> str:
    """The epoch, "never", or "-" where the run has no fused training loss."""
    if "converged_epoch" not in run:
        return ABSENT
    return "never" if run["converged_epoch"] is None else str(run["converged_epoch"] + 1)


def _run_cells(run: Run, main: str) -> Iterator[str]:
    yield run["method"]
    yield str(run["seed"])
    yield f"{run['lr']:g}" if finite(run.get("lr")) is not None else ABSENT
    yield run["status"] if run.get("acted", True) is not False else f"{run['status']}, did not act"
    yield percent(measured(run, main))
    yield ABSENT if run.get("best_epoch") is None else str(run["best_epoch"] + 1)
    yield _converged(run)
    yield duration(finite(run.get("seconds")))
    yield run.get("message") or ""
