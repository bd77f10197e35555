"""How a page comes out of its templates: what stands in them is escaped unless it is markup."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from equimodal.errors import printable
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.charts.figures import RowChart
from equimodal.report.charts.lines import LineChart

Mark = tuple[str, str, str]
"""An entry of a legend: colour name, kind of mark, meaning."""
Chart = RowChart | LineChart
_MINUS = re.compile(r"(?<![^ \[])-(?=\d)")


@dataclass(frozen=True)
class Section:
    """A section of the page: its identifier, its heading, its template, and what that shows.

    With ``folded``, what a reader opens it by, it is closed at first.
    """

    name: str
    title: str
    template: str
    content: Mapping[str, Any]
    folded: str = ""


@dataclass
class Gallery:
    """The charts placed on a page so far."""

    placed: int = 0

    def place(self, chart: Chart) -> int:
        """The number of a further chart, from 1."""
        self.placed += 1
        return self.placed


@dataclass(frozen=True)
class Choice:
    """The rows that a reader chooses from, by number, and those that charts show at first."""

    numbers: Mapping[str, int] = field(default_factory=dict)
    shown: Collection[str] = ()


def chart_section(
    name: str,
    title: str,
    charts: Sequence[Chart | None],
    marks: Sequence[Mark],
    *,
    lead: str = "",
    explained: str = "",
    kind: str = "",
    before: Mapping[str, Table] | None = None,
    after: Mapping[str, Table] | None = None,
    folded: str = "",
) -> Section | None:
    """A grid of charts with its legend, between tables by label; None where all are empty.

    ``lead`` stands above, ``explained`` is folded away below.
    """
    content = {
        "lead": lead,
        "explained": explained,
        "marks": marks,
        "charts": [chart for chart in charts if chart is not None],
        "kind": kind,
        "before": {label: table for label, table in (before or {}).items() if table.lines},
        "after": {label: table for label, table in (after or {}).items() if table.lines},
    }
    empty = not any(content[part] for part in ("charts", "before", "after"))
    return None if empty else Section(name, title, "charts.html", content, folded)


def rendered(template: str, choice: Choice | None = None, **context: Any) -> str:
    """A template with its context and a gallery of its own."""
    choice = choice or Choice()
    return environment().get_template(template).render(gallery=Gallery(), choice=choice, **context)


def typeset(value: object) -> object:
    """``value`` as printable text of a page; a hyphen before a number becomes a minus sign."""
    if isinstance(value, Markup):
        return value
    return _MINUS.sub("\N{MINUS SIGN}", printable(str(value)))


@cache
def environment() -> Environment:
    """The templates of the page."""
    found = Environment(
        loader=PackageLoader("equimodal.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=typeset,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return found
