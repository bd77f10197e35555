"""Pieces of HTML. Everything that comes from results is escaped here and nowhere else."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

from equimodal.report.figures import Chart


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
    """The place of one chart; the script draws figure ``index`` into it."""
    return (
        f"<figure><h{level}>{text(drawn.title)}</h{level}>"
        f'<div class="chart" role="img" aria-label="{text(drawn.label)}" data-figure="{index}" '
        f'style="height:{drawn.height}px"></div></figure>'
    )


def script_data(value: Any) -> str:
    """``value`` as JSON that cannot end the script element it stands in."""
    written = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written
