"""How numbers are written: percent, signed points, intervals in brackets, times, lists of names.

Fractions come in and percent or percentage points come out. What rounds to nothing is "0.0",
never "-0.0" or "+0.0".
"""

from __future__ import annotations

from collections.abc import Sequence

ABSENT = "-"
MOST_NAMED = 7
"""Names in a sentence; of more, some and how many there are besides."""


def number(value: float, form: str) -> str:
    """``value`` as `format` writes it, without a sign where that is nothing but zeros."""
    written = f"{value:{form}}"
    return written.lstrip("+-") if float(written) == 0 else written


def percent(
    value: float | None, low: float | None = None, high: float | None = None, *, digits: int = 1
) -> str:
    """0.9184 -> "91.8", with an interval "91.8 [90.0, 93.1]"."""
    return _spanned(f".{digits}f", value, low, high)


def points(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """0.0123 -> "+1.2", with an interval "+1.2 [-0.3, +2.7]"."""
    return _spanned("+.1f", value, low, high)


def _spanned(form: str, value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return ABSENT
    written = number(100 * value, form)
    if low is None or high is None:
        return written
    return f"{written} [{number(100 * low, form)}, {number(100 * high, form)}]"


def mean_and_sd(mean: float | None, sd: float | None, *, digits: int = 1) -> str:
    """0.9184, 0.004 -> "91.8 ± 0.4"."""
    written = percent(mean, digits=digits)
    return written if mean is None or sd is None else f"{written} ± {percent(sd, digits=digits)}"


def ratio(value: float | None) -> str:
    """1.034 -> "1.03"."""
    return ABSENT if value is None else f"{value:.2f}"


def duration(seconds: float | None) -> str:
    """93.2 -> "1 min 33 s"; below a second in milliseconds."""
    if seconds is None:
        return ABSENT
    if seconds < 1:
        return f"{1000 * seconds:.1f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def listing(names: Sequence[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"; nothing -> "none"."""
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def some(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """`listing` of at most ``most`` names, of more one less: "a, b, c and 40 more"."""
    if len(names) <= most:
        return listing(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
