"""The table of a comparison for a terminal: columns that do not fit are left out, never cut."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.table import Table
from rich.text import Text

from equimodal.comparison.words import ABSENT, listing
from equimodal.data.target import ACCURACY
from equimodal.report.read.columns import EPOCH, EXTENT, Column, columns, converged, extent
from equimodal.report.read.controls import absent, certainty, further_lines, left_out
from equimodal.report.read.model import is_default, model_line
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import grouped_rows, main_name, main_words, note, ordered_rows
from equimodal.report.read.schema import check

# Taken in this order as long as they fit: the evidence first; a note moves into the caption.
_TAKE_ORDER = (
    "accuracy", "vs joint", "probe", "vs control", "scores", "present", "step", EXTENT, EPOCH,
    "inside", "note",
)  # fmt: skip
_ABOVE = {
    "present": "having", "inside": "inside", "probe": "probe", EPOCH: "epoch of",
    EXTENT: "trained for",
}  # fmt: skip
_GAP = 2
_WORD = 16  # letters of a heading that is not broken
_STYLES = {1: "green", -1: "red", 0: ""}


def table(results: Results, *, width: int | None = None) -> Table:
    """The comparison as a table that fits ``width`` characters (default: the terminal's width).

    Raises `BalanceError` when ``results`` is not of the documented schema.
    """
    check(results)
    every = columns(results)
    rows = ordered_rows(results)
    kept = _fitting(every, rows, width or shutil.get_terminal_size().columns)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    drawn.add_column("row", width=_row_width(rows), overflow="fold")
    for column in kept:
        _add_column(drawn, column)
    for name, members in grouped_rows(results).items():
        drawn.add_row(Text(name, style="dim italic"))
        for row in members:
            drawn.add_row(Text(row), *(_cell(column, row) for column in kept))
    drawn.caption = Text("\n".join(_caption(results, every, kept)), style="dim")
    drawn.caption_justify = "left"
    return drawn


def _add_column(drawn: Table, column: Column) -> None:
    above = _ABOVE.get(column.group)
    heading = Text(f"{above}\n{column.heading}" if above else column.heading)
    is_note = column.group == "note"
    drawn.add_column(
        heading,
        width=_width(column),
        justify="left" if is_note else "right",
        overflow="fold",
        vertical="top",
    )


def _cell(column: Column, row: str) -> Text:
    return Text(column.cells[row], style=_STYLES[column.signs.get(row, 0)])


def _row_width(rows: Sequence[str]) -> int:
    return min(24, max(len(row) for row in ("baselines", *rows)))


def _width(column: Column) -> int:
    """Room for the longest cell, and for the longest word of the heading, up to 16 characters."""
    cells = max(len(cell) for cell in column.cells.values())
    above = len(_ABOVE.get(column.group, ""))
    words = max(len(word) for word in column.heading.split())
    return max(cells, above, min(len(column.heading), 8), min(words, _WORD))


def _fitting(every: list[Column], rows: Sequence[str], width: int) -> list[Column]:
    left = width - _row_width(rows)
    kept = set()
    for group in _TAKE_ORDER:
        wanted = sum(_GAP + _width(column) for column in every if column.group == group)
        if wanted <= left or group == "accuracy":
            kept.add(group)
            left -= wanted
    return [column for column in every if column.group in kept]


def _caption(results: Results, every: list[Column], kept: list[Column]) -> list[str]:
    seeds = len(results["config"]["seeds"])
    over = f"mean ± sd over {seeds} seeds" if seeds > 1 else "one seed"
    unit = "percent" if main_name(results) == ACCURACY else f"{main_words(results)} in percent"
    lines = [f"{unit}, {over}; differences in points [95 % interval, paired]"]
    lines += certainty(results)
    if not is_default(results["config"]):
        lines.append(model_line(results["config"]))
    shown = {column.group for column in kept}
    lines += further_lines(results, all_of_them="vs control" not in shown)
    lines += filter(None, [absent(results), *left_out(results)])
    lines += _converged(results, shown=EPOCH in shown)
    lines += [] if EXTENT in shown else _extents(results)
    left = [name for name, _ in groupby(c.group for c in every if c not in kept)]
    if "note" in left:
        left.remove("note")
        lines += [f"{row}: {text}" for row in ordered_rows(results) if (text := note(results, row))]
    left = [name for name in left if name not in (EPOCH, EXTENT)]
    if left:
        lines.append(f"left out at this width: {listing(left)}; all columns are in report.html")
    return lines


def _extents(results: Results) -> list[str]:
    """Updates and passes over the data of every row, those of equal ones in one line."""
    by_extent: dict[str, list[str]] = {}
    for row in ordered_rows(results):
        if found := extent(results, row):
            by_extent.setdefault(found, []).append(row)
    if len(by_extent) == 1:
        return [f"every row was trained for {next(iter(by_extent))} over the data"]
    return [f"{found} over the data: {', '.join(rows)}" for found, rows in by_extent.items()]


def _converged(results: Results, *, shown: bool) -> list[str]:
    """What the column of epochs says, or in its place the epochs themselves."""
    cells = {
        row: cell for row in ordered_rows(results) if (cell := converged(results, row)) != ABSENT
    }
    if not cells:
        return []
    if shown:
        return ["epoch of loss<0.1: the first after which the fused training loss is below 0.1"]
    told = ", ".join(f"{row} {cell}" for row, cell in cells.items())
    return [f"epoch at which the fused training loss falls below 0.1: {told}"]
