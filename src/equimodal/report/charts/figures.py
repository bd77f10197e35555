"""Figures as plain dictionaries that plotly draws; colours are names that the page fills in.

A string such as "--m0" stands for the page's colour of that name, so that one figure serves the
light and the dark scheme.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.report.charts.chart_numbers import Table
from equimodal.report.read.history import Band
from equimodal.report.read.rows import Difference

Trace = dict[str, Any]

COLOURS = 6
ROW_HEIGHT = 27
MOST = 25
"""Classes in a chart; of more, those that differ most."""
DOTS: Trace = {"type": "scatter", "mode": "markers"}
BARS: Trace = {"type": "bar", "orientation": "h"}
GROUP_COLOURS = {
    "floor": "--muted",
    "alone": "--muted",
    "baselines": "--ink",
    "controls": "--muted",
    "methods": "--accent",
}


@dataclass(frozen=True)
class Chart:
    """One drawn chart: its title, what a screen reader says, what plotly draws, its numbers."""

    title: str
    label: str
    data: list[Trace]
    layout: dict[str, Any]
    height: int
    table: Table = field(default_factory=Table)


def escaped(text: str) -> str:
    """Text for plotly, which otherwise reads a few HTML tags."""
    return html.escape(text, quote=False)


def colour(index: int) -> str:
    """Colour of the modality at ``index``, from 0."""
    return f"--m{index % COLOURS}"


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis in the page's style."""
    return {
        **({"title": {"text": escaped(title), "standoff": 6}} if title else {}),
        "gridcolor": "--grid",
        "linecolor": "--grid",
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        **more,
    }


def layout(x: dict[str, Any], y: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A layout in the page's style: transparent, without a legend of its own."""
    return {
        "xaxis": x,
        "yaxis": y,
        "margin": {"l": 8, "r": 14, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "--ink", "size": 12, "family": "system-ui, sans-serif"},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
        **more,
    }


def zero_axis(title: str) -> dict[str, Any]:
    """An axis of differences, with a line at zero."""
    return axis(title, zeroline=True, zerolinecolor="--ink", zerolinewidth=1.5)


def row_axis(rows: Sequence[str]) -> dict[str, Any]:
    """The axis of a chart with one line per row, the first on top."""
    names = [escaped(row) for row in rows]
    return axis(
        type="category",
        categoryorder="array",
        categoryarray=names,
        range=[len(rows) - 0.5, -0.5],
        dtick=1,
        ticksuffix=" ",
    )


def row_chart(
    title: str,
    label: str,
    data: list[Trace],
    x: dict[str, Any],
    rows: Sequence[str],
    table: Table,
    **more: Any,
) -> Chart:
    """A chart with one line per row; ``more`` goes into the layout."""
    drawn = layout(x, row_axis(rows), **more)
    return Chart(title, label, data, drawn, 62 + ROW_HEIGHT * len(rows), table)


def over_rows(
    kind: Trace,
    rows: Iterable[str],
    values: Iterable[float],
    marker: Trace,
    hover: str,
    **more: Any,
) -> Trace:
    """A value for each row: ``kind`` is `DOTS` or `BARS`, ``hover`` what plotly says of one."""
    return {
        **kind,
        "x": list(values),
        "y": [escaped(row) for row in rows],
        "marker": marker,
        "hovertemplate": f"{hover}<extra></extra>",
        **more,
    }


def error_bars(
    above: Iterable[float | None], below: Iterable[float | None] | None = None
) -> dict[str, Any]:
    """Error bars in percent from how far they reach, fractions; ``below`` None is as ``above``."""
    reaches = {"array": above} | ({} if below is None else {"arrayminus": below})
    return {
        "type": "data",
        "symmetric": below is None,
        **{side: [100 * (reach or 0.0) for reach in found] for side, found in reaches.items()},
        "color": "--ink",
        "thickness": 1.4,
        "width": 4,
    }


def interval_bars(means: Collection[Difference]) -> dict[str, Any]:
    """Error bars over the intervals of means; none where there is no interval."""
    return error_bars(
        [None if m.high is None else m.high - m.mean for m in means],
        [None if m.low is None else m.mean - m.low for m in means],
    )


def widest(values: Collection[NDArray[np.float64]], candidates: Iterable[int]) -> list[int]:
    """The places where the arrays differ most, at most `MOST`, in their order; NaN is unknown."""
    table = np.stack(list(values))
    unknown = np.isnan(table)
    spread = np.where(unknown, -np.inf, table).max(0) - np.where(unknown, np.inf, table).min(0)
    return sorted(sorted(candidates, key=lambda place: (-spread[place], place))[:MOST])


def counted(band: Band) -> list[float]:
    """Epochs counted from 1, as a reader does; records count from 0."""
    return [epoch + 1 for epoch in band.epochs]


def epoch_axis(bands: Iterable[Band]) -> dict[str, Any]:
    """The axis of epochs, with at most seven whole numbers on it."""
    last = max((counted(band)[-1] for band in bands), default=1)
    step = next((step for step in (1, 2, 5, 10, 20, 50, 100, 200) if last / step <= 7), 500)
    return axis(dtick=step, tick0=step)


def line(band: Band, colour_name: str, name: str, dash: str = "solid") -> Trace:
    """The mean of a band over epochs."""
    return {
        "type": "scatter",
        "mode": "lines" if len(band.epochs) > 3 else "lines+markers",
        "x": counted(band),
        "y": band.mean,
        "line": {"color": colour_name, "width": 2, "dash": dash},
        "marker": {"color": colour_name, "size": 7},
        "hovertemplate": f"{escaped(name)}, epoch %{{x}}: %{{y:.3~g}}<extra></extra>",
    }


def shade(band: Band, colour_name: str) -> Trace:
    """The area between the smallest and the largest value of a band."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*counted(band), *reversed(counted(band))],
        "y": [*band.high, *reversed(band.low)],
        "fill": "toself",
        "fillcolor": f"{colour_name}-fade",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
