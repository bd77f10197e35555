"""Line charts as small SVG files, for pages that a repository shows without a script."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

_COLOURS = (
    "#4269d0", "#e8710a", "#2f8f4e", "#c2328f", "#7a5cc4", "#8a6d3b", "#0e8f9e", "#d0342c",
    "#6b7280", "#a3a300", "#1f3b73", "#f06595",
)  # fmt: skip
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _LEGEND = 760, 360, 60, 40, 50, 200


def write_lines(
    path: Path,
    lines: Mapping[str, Sequence[float]],
    *,
    title: str,
    x: str,
    y: str,
    first: float = 1.0,
    step: float = 1.0,
) -> None:
    """Write one chart.

    Args:
        path: the SVG file.
        lines: name -> values at x = first, first + step, ...
        title: what is shown.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        first: x of the first value.
        step: distance of two values on x.
    """  # fmt: skip
    values = [v for line in lines.values() for v in line]
    low, high = min(values), max(values)
    low, high = low - 0.03 * (high - low or 1), high + 0.03 * (high - low or 1)
    count = max(len(line) for line in lines.values())
    right, bottom = _WIDTH - _LEGEND, _HEIGHT - _BOTTOM

    def at(index: int, value: float) -> str:
        across = _LEFT + (right - _LEFT) * index / max(count - 1, 1)
        return f"{across:.1f},{bottom - (bottom - _TOP) * (value - low) / (high - low):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(title)}</text>',
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">'
        f"{escape(x)}</text>",
        f'<text transform="translate(14,{(_TOP + bottom) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y)}</text>',
    ]
    for k in range(6):
        value = low + (high - low) * k / 5
        across, height = at(0, value).split(",")
        parts.append(f'<path d="M{across},{height}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{height}" text-anchor="end">{value:.2f}</text>')
        index = round((count - 1) * k / 5)
        across = at(index, low).split(",")[0]
        label = f"{first + step * index:g}"
        parts.append(f'<text x="{across}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        dash = ' stroke-dasharray="5 3"' if number >= len(_COLOURS) else ""
        points = " ".join(at(i, v) for i, v in enumerate(line))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"{dash}/>')
        height = _TOP + 16 * number
        parts.append(f'<path d="M{right + 14},{height}h18" stroke="{colour}"{dash}/>')
        parts.append(f'<text x="{right + 38}" y="{height + 4}">{escape(name)}</text>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>", ""]))
