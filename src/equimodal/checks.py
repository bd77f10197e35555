"""Checks of the arguments that a user gives."""

import math

from equimodal.errors import BalanceError


def is_number(value: object) -> bool:
    """Whether ``value`` is a finite int or float (a bool is neither)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def require(holds: bool, rule: str, found: object) -> None:
    """Raise BalanceError "rule; found ..." unless ``holds``."""
    if not holds:
        raise BalanceError(f"{rule}; found {found!r}.")


def require_number(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    low: float = -math.inf,
    high: float = math.inf,
    whole: bool = False,
) -> None:
    """Raise BalanceError unless ``value`` is a number > above, in [low, high], whole if asked."""
    kind = "a whole number" if whole else "a number"
    rule = f"{name} must be {kind}" + (f" > {above:g}" if above > -math.inf else "")
    rule += f" >= {low:g}" if low > -math.inf else ""
    rule += f" and <= {high:g}" if high < math.inf else ""
    sound = is_number(value) and (isinstance(value, int) or not whole)
    require(sound and above < float(value) and low <= float(value) <= high, rule, value)  # type: ignore[arg-type]


def require_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise BalanceError unless ``value`` is one of ``choices``."""
    require(value in choices, f"{name} must be one of {', '.join(map(repr, choices))}", value)
