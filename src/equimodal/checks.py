"""Checks of what a user gives. Each returns the value, or raises "rule; found ..." as an error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeGuard

from equimodal.errors import BalanceError, did_you_mean

Refusal = type[BalanceError]


def is_number(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a finite int or float (a bool is neither)."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def is_whole(value: object) -> TypeGuard[int]:
    """Whether ``value`` is an int (a bool is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def require(holds: bool, rule: str, found: object, *, error: Refusal = BalanceError) -> None:
    """Raise the error "rule; found ..." unless ``holds``."""
    if not holds:
        raise error(f"{rule}; found {found!r}.")


def require_number(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    low: float = -math.inf,
    high: float = math.inf,
    whole: bool = False,
    error: Refusal = BalanceError,
) -> float:
    """A number > above, from low to high, whole if asked."""
    sound = is_whole(value) if whole else is_number(value)
    inside = sound and above < value and low <= value <= high  # type: ignore[operator]
    kind = "a whole number" if whole else "a number"
    require(inside, f"{name} must be {kind}{_range(above, low, high)}", value, error=error)
    return float(value)  # type: ignore[arg-type]


def require_whole(
    name: str,
    value: object,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    error: Refusal = BalanceError,
) -> int:
    """A whole number from low to high."""
    require_number(name, value, low=low, high=high, whole=True, error=error)
    return value  # type: ignore[return-value]


def require_flag(name: str, value: object, *, error: Refusal = BalanceError) -> bool:
    """A truth value."""
    require(isinstance(value, bool), f"{name} must be true or false", value, error=error)
    return bool(value)


def require_choice(
    name: str, value: object, choices: Sequence[str], *, error: Refusal = BalanceError
) -> str:
    """One of ``choices``."""
    if isinstance(value, str) and value in choices:
        return value
    near = did_you_mean(str(value), choices)
    raise error(f"{name} must be one of {', '.join(choices)}; found {value!r}.{near}")


def require_known(what: str, name: str, known: Iterable[str], more: str = "") -> None:
    """Raise BalanceError unless ``name`` is a known ``what``; ``more`` may be written besides."""
    known = list(known)
    if name not in known:
        raise BalanceError(
            f"There is no {what} '{name}'; write one of {', '.join(known)}{more}."
            f"{did_you_mean(str(name), known)}"
        )


def require_settings(
    owner: str, given: Iterable[str], known: Iterable[str], *, error: Refusal = BalanceError
) -> None:
    """Raise the error unless ``owner`` has all the settings that are given."""
    known = list(known)
    for setting in given:
        if setting not in known:
            raise error(
                f"{owner} has no setting '{setting}'; it has {', '.join(known) or 'none'}."
                f"{did_you_mean(str(setting), known)}"
            )


def _range(above: float, low: float, high: float) -> str:
    if low > -math.inf and high < math.inf:
        return f" from {low} to {high}"
    lower = f" > {above}" if above > -math.inf else f" >= {low}" if low > -math.inf else ""
    return lower + (f" and <= {high}" if high < math.inf else "")
