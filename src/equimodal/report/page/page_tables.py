"""The tables of the page: the comparison with its groups, and the list of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from equimodal.comparison.words import duration, percent
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.page.markup import paragraph, scrolling, small_table, text
from equimodal.report.read.columns import EPOCH, MEANING, Column, columns
from equimodal.report.read.controls import absent, controls, further
from equimodal.report.read.reading import Results, Run
from equimodal.report.read.rows import finite, grouped_rows, measured, ordered_rows, with_interval

_SIGNS = {1: ("up", "above zero"), -1: ("down", "below zero")}
_SPANNING = {"probe": "linear probe", "inside": "inside the model", EPOCH: "epoch of"}


def results_table(results: Results) -> str:
    """The comparison as a table with two lines of headings and a body per group of rows."""
    every = columns(results)
    bodies = "".join(_body(name, rows, every) for name, rows in grouped_rows(results).items())
    return scrolling(f"<thead>{_headings(every)}</thead>{bodies}", "The comparison, row by row")


def _headings(every: Sequence[Column]) -> str:
    upper, lower = ['<th scope="col" rowspan="2">row</th>'], []
    for group, members in groupby(every, key=lambda column: column.group):
        found = list(members)
        meaning = f'title="{text(MEANING[group])}"'
        if group in _SPANNING:
            span = f'scope="colgroup" colspan="{len(found)}"'
            upper.append(f"<th {span} {meaning}>{_SPANNING[group]}</th>")
            lower += [f'<th scope="col">{text(column.heading)}</th>' for column in found]
        else:
            kind = 'class="note" ' if group == "note" else ""
            heading = text(found[0].heading)
            upper.append(f'<th {kind}scope="col" rowspan="2" {meaning}>{heading}</th>')
    return f"<tr>{''.join(upper)}</tr><tr>{''.join(lower)}</tr>"


def _body(name: str, rows: Sequence[str], every: Sequence[Column]) -> str:
    head = f'<tr class="group"><th scope="rowgroup" colspan="{len(every) + 1}">{name}</th></tr>'
    lines = "".join(
        f'<tr><th scope="row">{text(row)}</th>{"".join(_cell(c, row) for c in every)}</tr>'
        for row in rows
    )
    return f"<tbody>{head}{lines}</tbody>"


def _cell(column: Column, row: str) -> str:
    kind, meaning = _SIGNS.get(column.signs.get(row, 0), ("", ""))
    kinds = " ".join(part for part in (kind, "note" if column.group == "note" else "") if part)
    spoken = f'<span class="spoken"> ({meaning})</span>' if meaning else ""
    return f'<td class="{kinds}">{text(column.cells[row])}{spoken}</td>'


def controls_table(results: Results) -> str:
    """Every method against each of its controls where one has several, and what was not trained."""
    lines = [
        (row, control, with_interval(difference))
        for row in ordered_rows(results)
        for control, difference in controls(results, row).items()
        if difference is not None
    ]
    headings = ("method", "control", "accuracy minus the control, points")
    several = Table(headings, lines if further(results) else ())
    told = absent(results)
    return small_table(several, "Against every control") + (
        paragraph(told, "quiet") if told else ""
    )


_RUN_HEADINGS = (
    "row", "seed", "lr", "status", "test accuracy", "best epoch", "epoch of loss<0.1",
    "time", "message",
)  # fmt: skip


def runs_table(results: Results) -> str:
    """Every run with its seed, learning rate, status, accuracy and time."""
    headings = "".join(f'<th scope="col">{text(heading)}</th>' for heading in _RUN_HEADINGS)
    lines = "".join(_run_line(run) for run in results["runs"])
    return scrolling(f"<thead><tr>{headings}</tr></thead><tbody>{lines}</tbody>", "Every run")


def _run_line(run: Run) -> str:
    cells = "".join(f"<td>{text(cell)}</td>" for cell in _run_cells(run))
    return f'<tr><th scope="row">{text(run["method"])}</th>{cells}</tr>'


def _converged(run: Run) -> str:
    """The epoch, "never", or "-" where the run has no fused training loss."""
    if "converged_epoch" not in run:
        return "-"
    return "never" if run["converged_epoch"] is None else str(run["converged_epoch"] + 1)


def _run_cells(run: Run) -> Iterator[str]:
    yield str(run["seed"])
    yield f"{run['lr']:g}" if finite(run.get("lr")) is not None else "-"
    yield run["status"] if run.get("acted", True) is not False else f"{run['status']}, did not act"
    yield percent(measured(run, "accuracy"))
    yield "-" if run.get("best_epoch") is None else str(run["best_epoch"] + 1)
    yield _converged(run)
    yield duration(finite(run.get("seconds")))
    yield run.get("message") or ""
