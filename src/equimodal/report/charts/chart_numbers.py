"""The numbers of a chart as a table, for who does not see it or wants to copy them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from equimodal.comparison.words import ABSENT, number
from equimodal.report.read.history import Band
from equimodal.report.read.rows import Difference

MOST_LINES = 6


@dataclass(frozen=True)
class Table:
    """Headings, and lines of as many cells; the first cell of a line names it."""

    headings: Sequence[str] = ()
    lines: Sequence[Sequence[str]] = ()


def seed_table(
    means: Mapping[str, Difference],
    seeds: Mapping[str, Mapping[int, float]],
    written: Callable[[float], str],
) -> Table:
    """A line per row: mean, 95 % interval, and the value of every seed.

    Args:
        means: row -> mean with its interval.
        seeds: row -> seed -> value.
        written: how a value is written.
    """
    numbers = list(dict.fromkeys(seed for found in seeds.values() for seed in found))

    def line(row: str, mean: Difference) -> tuple[str, ...]:
        if mean.low is None or mean.high is None:
            bounds = ABSENT
        else:
            bounds = f"{written(mean.low)} to {written(mean.high)}"
        found = seeds.get(row, {})
        cells = (written(found[seed]) if seed in found else ABSENT for seed in numbers)
        return row, written(mean.mean), bounds, *cells

    headings = ("row", "mean", "95 % interval", *(f"seed {seed}" for seed in numbers))
    return Table(headings, [line(row, mean) for row, mean in means.items()])


def thinned(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` places, evenly, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def band_table(bands: Mapping[str, Band], digits: str) -> Table:
    """A line per epoch, counted from 1: the mean of every band, and its lowest to highest value.

    Of many epochs, `MOST_LINES` that lie evenly.

    ``digits`` is the format of a number, such as ".1f".
    """
    every = sorted({epoch for band in bands.values() for epoch in band.epochs})
    epochs = [every[place] for place in thinned(len(every), MOST_LINES)]
    cells = {name: _cells(band, digits) for name, band in bands.items()}
    lines = [(f"{e + 1:g}", *(cells[name].get(e, ABSENT) for name in bands)) for e in epochs]
    return Table(("epoch", *bands), lines)


def _cells(band: Band, digits: str) -> dict[float, str]:
    def cell(mean: float, low: float, high: float) -> str:
        lowest, highest = number(low, digits), number(high, digits)
        spread = "" if lowest == highest else f" ({lowest} to {highest})"
        return number(mean, digits) + spread

    values = zip(band.mean, band.low, band.high, strict=True)
    return {epoch: cell(*entry) for epoch, entry in zip(band.epochs, values, strict=True)}
