"""How numbers are written: percent with one decimal, signed points, intervals in brackets."""

from __future__ import annotations

from equimodal.report.read.rows import Difference

ABSENT = "-"


def percent(value: float | None) -> str:
    """0.9184 -> "91.8"."""
    return ABSENT if value is None else f"{100 * value:.1f}"


def mean_and_sd(mean: float | None, sd: float | None) -> str:
    """0.9184, 0.004 -> "91.8 ± 0.4"."""
    return percent(mean) if mean is None or sd is None else f"{percent(mean)} ± {percent(sd)}"


def points(value: float) -> str:
    """0.0123 -> "+1.2"; what rounds to nothing carries no sign."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def with_interval(difference: Difference | None) -> str:
    """A difference in points with its interval: "+1.2 [-0.3, +2.7]"."""
    if difference is None:
        return ABSENT
    if difference.low is None or difference.high is None:
        return points(difference.mean)
    bounds = f"[{points(difference.low)}, {points(difference.high)}]"
    return f"{points(difference.mean)} {bounds}"


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


def listing(names: list[str]) -> str:
    """["a", "b", "c"] -> "a, b and c"; nothing -> "none"."""
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"
