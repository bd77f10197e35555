"""A comparison as Markdown, with all that a number in a document needs beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from equimodal.errors import printable
from equimodal.report.page.provenance import command, facts
from equimodal.report.read.columns import EPOCH, Column, columns, meanings
from equimodal.report.read.controls import absent, certainty, further_lines, left_out
from equimodal.report.read.findings import conclusions
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import grouped_rows
from equimodal.report.read.schema import check

_PREFIX = {"present": "having: ", "inside": "inside: ", "probe": "probe: ", EPOCH: "epoch of "}


def markdown(results: Results, words: Mapping[str, str] | None = None) -> str:
    """Conclusions, table, and how the numbers came about, as one Markdown section.

    ``words`` are those of `conclusions`.

    Raises `BalanceError` when ``results`` is not of the documented schema.
    """
    check(results)
    every, meaning = columns(results), meanings(results)
    blocks = [
        f"## {_escape(results['data']['name'])}",
        "\n".join(f"* {_escape(sentence)}" for sentence in conclusions(results, words)),
        markdown_table(results),
        "\n".join(f"* {_escape(line)}" for line in _beneath(results)),
        "\n".join(f"* *{group}*: {meaning[group]}." for group in _groups(every)),
        "\n".join(f"* **{name}**: {_escape(text)}" for name, text in facts(results)),
        f"```\n{command(results)}\n```",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def markdown_table(results: Results) -> str:
    """The table alone, of results that are checked."""
    return "\n".join(_table(results, columns(results)))


def _beneath(results: Results) -> list[str]:
    """What the columns do not hold of the controls, and what the intervals rest on."""
    told = filter(None, [absent(results), *left_out(results)])
    return [*further_lines(results), *told, *certainty(results)]


def _groups(every: list[Column]) -> list[str]:
    return list(dict.fromkeys(column.group for column in every))


def _table(results: Results, every: list[Column]) -> Iterator[str]:
    headings = [_PREFIX.get(column.group, "") + column.heading for column in every]
    yield _line("row", *headings)
    yield _line("---", *("---" if column.group == "note" else "---:" for column in every))
    for group, rows in grouped_rows(results).items():
        yield _line(f"*{group}*", *("" for _ in every), escape=False)
        for row in rows:
            yield _line(row, *(column.cells[row] for column in every))


def _line(*cells: str, escape: bool = True) -> str:
    shown = [_escape(cell) if escape else cell for cell in cells]
    return f"| {' | '.join(shown)} |"


def _escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    text = printable(" ".join(text.split()))
    for sign in ("\\", "`", "*", "_", "|", "<"):
        text = text.replace(sign, f"\\{sign}")
    return text
