"""Pieces of HTML. Everything that comes from results is escaped here and nowhere else."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import Chart

_HEADING = re.compile('<h2 id="([a-z]+)">([^<]*)</h2>')


def text(value: object) -> str:
    """``value`` as text of a page; a hyphen before a digit becomes a minus sign."""
    written = html.escape(str(value))
    return "".join(
        "\N{MINUS SIGN}" if sign == "-" and _is_minus(written, index) else sign
        for index, sign in enumerate(written)
    )


def _is_minus(written: str, index: int) -> bool:
    before, after = written[:index][-1:], written[index + 1 :][:1]
    return after.isdigit() and before in ("", " ", "[")


def section(name: str, title: str, *parts: str) -> str:
    """A section with its heading; empty without a part."""
    body = "\n".join(part for part in parts if part)
    if not body:
        return ""
    heading = f'<h2 id="{name}">{text(title)}</h2>'
    return f'<section aria-labelledby="{name}">\n{heading}\n{body}\n</section>'


def contents(sections: Iterable[str]) -> str:
    """Links to the headings of sections that `section` made."""
    found = (_HEADING.search(part) for part in sections)
    links = "".join(f'<li><a href="#{m[1]}">{m[2]}</a></li>' for m in found if m)
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if links else ""


def paragraph(value: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{kind}">{text(value)}</p>' if kind else f"<p>{text(value)}</p>"


def code(value: str) -> str:
    """A command, as it has to be typed."""
    return f'<pre tabindex="0"><code>{html.escape(value)}</code></pre>'


def details(summary: str, body: str) -> str:
    """What only some readers want, folded away."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>"


def items(values: Iterable[str], kind: str = "") -> str:
    """A list of plain sentences."""
    entries = "".join(f"<li>{text(value)}</li>" for value in values)
    return f'<ul class="{kind}">{entries}</ul>' if entries else ""


def definitions(pairs: Iterable[tuple[str, str]], kind: str = "") -> str:
    """A list of names with their explanation."""
    entries = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in pairs)
    return f'<dl class="{kind}">{entries}</dl>'


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """A legend of (colour name, kind of mark, meaning)."""
    shown = "".join(
        f'<li><span class="mark {mark}" style="--mark: var({colour})"></span>{text(meaning)}</li>'
        for colour, mark, meaning in entries
    )
    return f'<ul class="legend" aria-label="Legend">{shown}</ul>'


def chart(drawn: Chart, index: int, level: int = 3) -> str:
    """The place of one chart, into which the script draws figure ``index``, and its numbers."""
    return (
        f"<figure><h{level}>{text(drawn.title)}</h{level}>"
        f'<div class="chart" role="img" aria-label="{text(drawn.label)}" data-figure="{index}" '
        f'style="height:{drawn.height}px"></div>{_numbers(drawn, index)}</figure>'
    )


def _numbers(drawn: Chart, index: int) -> str:
    if not drawn.table.lines:
        return ""
    spoken = f'<span class="spoken"> of the chart {text(drawn.title)}</span>'
    body = scrolling(table(drawn.table), f"Numbers of chart {index + 1}: {drawn.title}")
    return f'<details class="numbers"><summary>Numbers{spoken}</summary>{body}</details>'


def table(values: Table) -> str:
    """A plain table, whose lines begin with their name."""
    head = "".join(f'<th scope="col">{text(heading)}</th>' for heading in values.headings)
    lines = "".join(
        f'<tr><th scope="row">{text(name)}</th>{"".join(f"<td>{text(c)}</td>" for c in cells)}</tr>'
        for name, *cells in values.lines
    )
    return f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody>"


def scrolling(content: str, label: str) -> str:
    """The content of a table in a region of its own, which scrolls where it is too wide."""
    region = f'class="scroll" tabindex="0" role="region" aria-label="{text(label)}"'
    return f"<div {region}><table>{content}</table></div>"


def small_table(values: Table, label: str) -> str:
    """A plain table that takes no more width than it needs; empty without a line."""
    return f'<div class="fitting">{scrolling(table(values), label)}</div>' if values.lines else ""


def script_data(value: Any) -> str:
    """``value`` as JSON that cannot end the script element it stands in."""
    written = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written
