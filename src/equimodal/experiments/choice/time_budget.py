"""How much time there is, and how much of it is gone, over interruptions too."""

from __future__ import annotations

import re
import time

from equimodal.errors import BalanceError, quoted

_TEXT = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_LONGEST = 10_000 * 3600.0


def seconds_of(text: str | float) -> float:
    """``"10m"``, ``"1h30m"``, ``"90s"`` or a number of seconds -> seconds, above 0

    A text is to name its unit: ``"5"`` may be minutes.

    Raises:
        BalanceError: it is no time, or none above 0.
    """
    found = _TEXT.fullmatch(str(text).strip())
    parts = found.groups() if found else ()
    total = sum(float(p) * u for p, u in zip(parts, (3600.0, 60.0, 1.0), strict=False) if p)
    bare = isinstance(text, str) and text.strip().replace(".", "", 1).isdigit()
    if bare or not 0 < total <= _LONGEST:
        raise BalanceError(
            "A budget is a time with its unit, such as 90s, 10m or 1h30m, at most 10000h; found "
            f"{quoted(text)}."
        )
    return total


def spoken(seconds: float) -> str:
    """Seconds as a budget is written: ``"90s"``, ``"10m"``, ``"1h30m"``."""
    whole = max(1, round(seconds))
    if whole < 100:
        return f"{whole}s"
    minutes = -(-whole // 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours}h{rest}m" if hours and rest else f"{hours}h" if hours else f"{minutes}m"


class TimeBudget:
    """A budget that runs from now on.

    Args:
        seconds: all of it.
        spent: seconds that earlier, interrupted calls took.
    """

    def __init__(self, seconds: float, *, spent: float = 0.0) -> None:
        self.seconds = seconds
        self._begin = time.monotonic() - spent

    @property
    def spent(self) -> float:
        """Seconds gone."""
        return time.monotonic() - self._begin

    @property
    def left(self) -> float:
        """Seconds left, below 0 where it is overdrawn."""
        return self.seconds - self.spent
