"""Charts as plain values; `templates/figures.html` draws them with the page's own colours.

Places are fractions of an axis in percent, so that a drawing fits whatever width it is given and
its text keeps its size. A colour is the name of a colour of the page, such as "--m0".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

from equimodal.comparison.words import number
from equimodal.report.charts.chart_numbers import Table

COLOURS = 6
MOST = 25
"""Classes in a chart; of more, those that differ most."""
MOST_OPEN = 6
"""Lines of a chart that is not folded, where a reader does not choose them."""
GROUP_COLOURS = {
    "floor": "--muted",
    "alone": "--muted",
    "baselines": "--ink",
    "controls": "--muted",
    "methods": "--accent",
}


def colour(index: int) -> str:
    """Colour of the modality at ``index``, from 0."""
    return f"--m{index % COLOURS}"


@dataclass(frozen=True)
class Axis:
    """What is measured along an axis, and between which values; ``zero`` marks the value 0.

    At most about ``most`` values are written, whole ones alone where it is ``whole``.
    """

    title: str
    low: float
    high: float
    zero: bool = False
    whole: bool = False
    most: int = 5

    def __post_init__(self) -> None:
        """One value alone stands in the middle."""
        if self.low == self.high:
            room = max(abs(self.low), 1.0) / 2
            object.__setattr__(self, "low", self.low - room)
            object.__setattr__(self, "high", self.high + room)

    def place(self, value: float) -> float:
        """Where a value lies, in percent of the axis; at its nearer end where it lies outside."""
        part = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, part)), 1)

    def outside(self, value: float) -> bool:
        """Whether a value lies beyond an end."""
        return not self.low <= value <= self.high

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round values: place and text of each."""
        rough = (self.high - self.low) / self.most
        scale = 10.0 ** floor(log10(rough))
        step = next(s * scale for s in (1, 2, 5, 10) if s * scale >= rough * (1 - 1e-9))
        step = max(1.0, step) if self.whole else step
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        values = [place * step for place in range(first, last + 1)]
        return [(self.place(value), number(value, ".6g")) for value in values]


@dataclass(frozen=True)
class Mark:
    """A dot, a ring or a bar at a value, with its interval, and what is said of it."""

    value: float
    colour: str
    said: str
    kind: str = "dot"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Panel:
    """Marks by row along one axis; ``references`` are values with the dash of their line."""

    axis: Axis
    marks: Mapping[str, Sequence[Mark]]
    references: Sequence[tuple[float, str]] = ()


@dataclass(frozen=True)
class RowChart:
    """A line for each row: its name, its marks in every panel, and the value ``shown`` behind.

    ``chosen`` says whether the rows are those of the comparison, of which a reader chooses some.
    """

    title: str
    rows: Sequence[str]
    panels: Sequence[Panel]
    table: Table = field(default_factory=Table)
    shown: Mapping[str, str] = field(default_factory=dict)
    chosen: bool = True

    @property
    def folded(self) -> bool:
        """Whether it is closed at first."""
        return not self.chosen and len(self.rows) > MOST_OPEN


def around(
    values: Iterable[float], least: float, *, ends: tuple[float, float]
) -> tuple[float, float]:
    """Ends of an axis around values with a little room, ``least`` wide; never outside ``ends``."""
    found = list(values)
    low, high = (
        min(ends[1], max(ends[0], value))
        for value in (min(found, default=0.0), max(found, default=least))
    )
    room = max(0.04 * (high - low), (least - (high - low)) / 2)
    return max(ends[0], low - room), min(ends[1], high + room)


def fenced(values: Collection[float], shown: Iterable[float]) -> list[float]:
    """Values between which an axis reaches: those that are shown, and none that lie far off.

    Far off is more than one and a half times the middle half of all values below or above it.
    """
    kept = list(shown)
    if values:
        first, third = np.quantile(list(values), (0.25, 0.75))
        reach = 1.5 * (third - first)
        kept += [value for value in values if first - reach <= value <= third + reach]
    return kept


def by_value(values: Mapping[str, float]) -> list[str]:
    """Rows from the largest value on."""
    return sorted(values, key=lambda row: -values[row])


def widest(values: Collection[NDArray[np.float64]], candidates: Iterable[int]) -> list[int]:
    """The places where the arrays differ most, at most `MOST`, in their order; NaN is unknown."""
    table = np.stack(list(values))
    unknown = np.isnan(table)
    spread = np.where(unknown, -np.inf, table).max(0) - np.where(unknown, np.inf, table).min(0)
    return sorted(sorted(candidates, key=lambda place: (-spread[place], place))[:MOST])


def bar_axis(title: str, panel: Mapping[str, Sequence[Mark]], *, zero: bool = False) -> Axis:
    """An axis from 0 over all marks of a panel and their intervals."""
    every = [mark for marks in panel.values() for mark in marks]
    values = [v for m in every for v in (m.value, m.low, m.high) if v is not None]
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.03 * max(high - low, 1e-9)
    return Axis(title, low - room if low < 0 else 0.0, high + room or 1.0, zero=zero)
