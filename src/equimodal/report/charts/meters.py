"""One tile per modality: how much of what it can learn alone was left after joint training."""

from __future__ import annotations

from equimodal.comparison.rows import JOINT, UNTRAINED, alone_row
from equimodal.report.charts.figures import colour
from equimodal.report.page.markup import text
from equimodal.report.read.findings import probe_gap, starved
from equimodal.report.read.numbers import percent
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import modalities, spread


def meters(results: Results) -> str:
    """The tiles of all modalities whose encoder was probed; empty when none was."""
    tiles = [_tile(results, index, m) for index, m in enumerate(modalities(results))]
    shown = "".join(tile for tile in tiles if tile)
    return f'<div class="meters">{shown}</div>' if shown else ""


def _tile(results: Results, index: int, modality: str) -> str:
    joint, _ = spread(results, JOINT, "probe_accuracy", modality)
    alone, _ = spread(results, alone_row(modality), "probe_accuracy", modality)
    floor, _ = spread(results, UNTRAINED, "probe_accuracy", modality)
    if joint is None:
        return ""
    gap = probe_gap(results, modality)
    verdict = '<span class="verdict bad">starved</span>' if gap and starved(gap) else ""
    beside = [f"{percent(alone)} % trained alone" if alone is not None else ""]
    beside += [f"{percent(floor)} % untrained" if floor is not None else ""]
    return (
        f'<div class="meter" style="--mark: var({colour(index)})">'
        f"<h3>{text(modality)}{verdict}</h3>"
        f"<p><strong>{percent(joint)} %</strong> linear probe after joint training</p>"
        f"{bar(joint, alone, floor)}"
        f"<p>{text(' · '.join(part for part in beside if part))}</p></div>"
    )


def bar(joint: float, alone: float | None, floor: float | None) -> str:
    """A bar from the floor to what joint training left, with what it lost to training alone."""
    pieces = [_piece("fill", min(floor or 0.0, joint), joint)]
    pieces += [_piece("lost", joint, alone)] if alone is not None and alone > joint else []
    pieces += [_piece("tick", value) for value in (alone, floor) if value is not None]
    return f'<div class="bar" aria-hidden="true">{"".join(pieces)}</div>'


def _piece(kind: str, start: float, end: float | None = None) -> str:
    width = "" if end is None else f";width:{100 * (end - start):.1f}%"
    return f'<i class="{kind}" style="left:{100 * start:.1f}%{width}"></i>'
