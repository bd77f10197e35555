"""Checks of a loader's settings. Each returns the value it was given, in its proper type."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

from equimodal.errors import BalanceError, DataError, did_you_mean


def defaults(loader: Callable[..., object]) -> dict[str, object]:
    """The settings of a loader, its arguments that have a default, with these defaults."""
    parameters = inspect.signature(loader).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def check_known(name: str, given: Mapping[str, object], known: Mapping[str, object]) -> None:
    """Nothing, where the data set ``name`` has all the settings that are given.

    Raises:
        BalanceError: it lacks one.
    """
    for setting in given:
        if setting not in known:
            raise BalanceError(
                f"{name} has no setting '{setting}'; it has {', '.join(known) or 'none'}."
                f"{did_you_mean(setting, known)}"
            )


def number(name: str, value: object, *, low: float, high: float) -> float:
    """``value`` as a float from ``low`` to ``high``, both included.

    Raises:
        DataError: it is no number or lies outside.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise DataError(f"{name} must be a number from {low:g} to {high:g}, found {value!r}.")


def whole(name: str, value: object, *, low: int, high: int) -> int:
    """``value`` as an integer from ``low`` to ``high``, both included.

    Raises:
        DataError: it is no integer or lies outside.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise DataError(f"{name} must be a whole number from {low} to {high}, found {value!r}.")


def flag(name: str, value: object) -> bool:
    """``value`` as a truth value.

    Raises:
        DataError: it is neither true nor false.
    """
    if isinstance(value, bool):
        return value
    raise DataError(f"{name} must be true or false, found {value!r}.")


def choice(name: str, value: object, options: Sequence[str]) -> str:
    """``value`` as one of ``options``.

    Raises:
        DataError: it is none of them.
    """
    if isinstance(value, str) and value in options:
        return value
    raise DataError(f"{name} must be one of {', '.join(options)}; found {value!r}.")
