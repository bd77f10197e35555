"""Charts of lines over epochs, as plain values; `templates/figures.html` draws them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from equimodal.report.charts.chart_numbers import Table, thinned
from equimodal.report.charts.figures import Axis
from equimodal.report.read.history import Band

MOST_POINTS = 32
"""Points of a line; of more epochs, so many that lie evenly."""
MOST_DOTS = 3
"""Points of a line that are drawn as dots too."""
LEVELS = 250
"""Heights that are told apart in a chart of curves, which is 150 pixels high."""


@dataclass(frozen=True)
class Line:
    """A line through points, parts of the axis from the left and of `LEVELS` from the top.

    ``row`` is the row of the comparison that it is of, "" where it stands whatever is chosen.
    """

    name: str
    colour: str
    path: str
    kind: str = "line"
    row: str = ""


@dataclass(frozen=True)
class LineChart:
    """Lines over epochs: its title, what a screen reader says, its axes, its numbers.

    ``row`` is the row of the comparison that it is about, "" where it stands whatever is chosen.
    """

    title: str
    label: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    table: Table = field(default_factory=Table)
    row: str = ""

    @property
    def box(self) -> str:
        """What its drawing spans."""
        return f"0 0 {self.x.high - self.x.low:g} {LEVELS}"

    @property
    def guides(self) -> str:
        """A line across at every value that is written."""
        width = self.x.high - self.x.low
        heights = (LEVELS * (1 - place / 100) for place, _ in self.y.ticks)
        return "".join(f"M0 {height:.0f}h{width:g}" for height in heights)


def band_chart(
    title: str, label: str, y: Axis, bands: Mapping[str, tuple[Band, str, str]], table: Table,
    row: str = "",
) -> LineChart:  # fmt: skip
    """A chart of bands over epochs: by name the band, its colour and its kind, line or dotted."""
    every = [band for band, _, _ in bands.values()]
    x = epoch_axis(every)
    shades = [
        _shade(name, band, x, y, mark)
        for name, (band, mark, kind) in bands.items()
        if kind == "line" and band.low != band.high
    ]
    means = [
        line
        for name, (band, mark, kind) in bands.items()
        for line in _drawn(name, band, x, y, mark, kind)
    ]
    return LineChart(title, label, x, y, [*shades, *means], table, row)


def epoch_axis(bands: Iterable[Band]) -> Axis:
    """Epochs counted from 1, as a reader does; records count from 0."""
    epochs = [epoch + 1 for band in bands for epoch in band.epochs]
    first, last = min(epochs, default=1), max(epochs, default=2)
    return Axis("epoch", first, max(last, first + 1), whole=True)


def _drawn(name: str, band: Band, x: Axis, y: Axis, mark: str, kind: str) -> Iterator[Line]:
    """The mean of a band: a line, and its points where they are few."""
    points = _points(x, y, _counted(band), band.mean)
    if len(points) > 1:
        yield Line(name, mark, _path(points), kind)
    if len(points) <= MOST_DOTS:
        yield Line(name, mark, "".join(f"M{a} {b}h0" for a, b in points), "points")


def _shade(name: str, band: Band, x: Axis, y: Axis, mark: str) -> Line:
    """The area between the smallest and the largest value of a band."""
    epochs = _counted(band)
    there, back = _points(x, y, epochs, band.high), _points(x, y, epochs, band.low)
    return Line(name, mark, f"{_path([*there, *reversed(back)])}Z", "shade")


def traced(x: Axis, y: Axis, along: Sequence[float], values: Sequence[float]) -> str:
    """The path of a `Line` through two points or more, in whole parts of the axis ``x``."""
    return _path(_points(x, y, along, values))


def _counted(band: Band) -> list[float]:
    return [epoch + 1 for epoch in band.epochs]


def _points(
    x: Axis, y: Axis, along: Sequence[float], values: Sequence[float]
) -> list[tuple[int, int]]:
    """From the start of the axis on, and parts of `LEVELS` from the top."""
    return [
        (round(along[i] - x.low), round(LEVELS * (1 - y.place(values[i]) / 100)))
        for i in thinned(len(along), MOST_POINTS)
    ]


def _path(points: Sequence[tuple[int, int]]) -> str:
    """A line through points, from each to the next: what changes little takes few letters."""
    steps = [f"{c - a}{d - b:+d}" for (a, b), (c, d) in pairwise(points)]
    return f"M{points[0][0]} {points[0][1]}l{' '.join(steps)}"
