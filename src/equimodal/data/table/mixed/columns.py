"""Which columns of a modality hold numbers and which categories: by their words, or declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from equimodal.data.table.items.numbers import begins_as_number, in_two_ways
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.reading.labels import alike, placeholders

if TYPE_CHECKING:
    from equimodal.data.table.reading.roles import Column

_NEARLY = 0.9  # of the cells of a column


@dataclass(frozen=True)
class Sides:
    """The columns of numbers and of categories by name; ``open`` says of those that nobody
    declared, and whose cells do not tell it, what they hold. They count as categories."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    open: Mapping[str, str]


def sides(columns: Mapping[str, Sequence[str]], declared: Mapping[str, Sequence[str]]) -> Sides:
    """How the columns of a modality are taken.

    Args:
        columns: the cells of each.
        declared: ``numbers`` and ``categories``, names of columns.
    """
    numbers = tuple(declared.get("numbers", ()))
    known = {*numbers, *declared.get("categories", ())}
    found = {name: _doubt(cells) for name, cells in columns.items() if name not in known}
    return Sides(
        tuple(name for name in columns if name in numbers),
        tuple(name for name in columns if name not in numbers),
        {name: text for name, text in found.items() if text},
    )


def _doubt(cells: Sequence[str]) -> str:
    """What an undeclared column holds that could be two things; "" for words that repeat."""
    filled = [cell for cell in cells if cell]
    like = [cell for cell in filled if begins_as_number(cell)]
    if len(like) >= _NEARLY * len(filled):
        return f"numbers, or codes of categories ('{like[0][:40]}')" if like else "no cell at all"
    if 2 * len(set(filled)) > len(filled):
        return f"words that hardly repeat ('{filled[0][:40]}')"
    return ""


def doubts(column: Column, rows: Sequence[int]) -> Iterator[Finding]:
    """What the columns of a modality could also mean, and values that look like another one."""
    cells = dict(zip(column.sources, column.parts, strict=True))
    for name, text in column.open.items():
        said = (
            f"'{name}' holds {text}; write numbers: [{name}] or categories: [{name}] in the YAML, "
            "or leave it out"
        )
        yield Finding("undeclared", said, None, column.name)
    for name in column.settings["numbers"]:
        place = in_two_ways(cells[name])
        if place is not None:
            said = (
                f"'{cells[name][place][:40]}' in '{name}' is one number with a decimal comma or "
                "with groups of digits, or several numbers; write 1.75 or 1500"
            )
            yield Finding("decimal", said, rows[place], column.name)
    for name in column.settings["categories"]:
        if name not in column.open:
            yield from placeholders(cells[name], rows, f"a cell of '{name}'", column.name)
            yield from alike(cells[name], rows, f"value of '{name}',", column.name)
