"""One tile per modality: how much of what it can learn alone was left after joint training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from equimodal.comparison.rows import UNTRAINED
from equimodal.comparison.words import percent
from equimodal.report.charts.figures import colour
from equimodal.report.read.findings import probe_levels, starved
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import modalities

Piece = tuple[str, str]
"""A part of a bar: its kind, and its place as style."""


@dataclass(frozen=True)
class Tile:
    """A modality's name with a badge, a bar, and lines below.

    ``share`` is the linear probe after joint training in percent, said above the bar.
    """

    name: str
    colour: str
    lines: Sequence[str]
    pieces: Sequence[Piece] = ()
    badge: str = ""
    bad: bool = False
    share: str = ""


def tiles(results: Results) -> list[Tile]:
    """The tiles of all modalities whose encoder was probed."""
    found = (_tile(results, index, m) for index, m in enumerate(modalities(results)))
    return [tile for tile in found if tile is not None]


def _tile(results: Results, index: int, modality: str) -> Tile | None:
    joint, alone, floor = probe_levels(results, modality)
    if joint is None:
        return None
    bad = starved(results, modality)
    beside = {"trained alone": alone, UNTRAINED: floor}
    told = [f"{percent(value)} % {how}" for how, value in beside.items() if value is not None]
    return Tile(
        modality,
        colour(index),
        [" · ".join(told)],
        list(bar(joint, alone, floor)),
        "starved" if bad else "",
        bad,
        percent(joint),
    )


def bar(joint: float, alone: float | None, floor: float | None) -> Iterator[Piece]:
    """A bar from the floor to what joint training left, with what it lost to training alone."""
    yield "fill", _place(min(floor or 0.0, joint), joint)
    if alone is not None and alone > joint:
        yield "lost", _place(joint, alone)
    yield from (("tick", _place(value)) for value in (alone, floor) if value is not None)


def _place(start: float, end: float | None = None) -> str:
    width = "" if end is None else f";width:{100 * (end - start):.1f}%"
    return f"left:{100 * start:.1f}%{width}"
