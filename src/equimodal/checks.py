"""Checks of what a user gives. Each returns the value, or raises "rule; found ..." as an error."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeGuard

from equimodal.errors import BalanceError, did_you_mean, quoted

Refusal = type[BalanceError]
_LONGEST_NAME = 200
_NOT_IN_NAMES = './\\:*?"<>|~='


def is_number(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a finite int or float that a float can hold (a bool is neither)."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def plain_number(value: Any) -> Any:
    """A number of NumPy's as one of Python's; any other value as it is."""
    if isinstance(value, (int, float)) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether ``value`` is an int (a bool is none)."""
    return isinstance(value, int) and not isinstance(value, bool)


def require(holds: bool, rule: str, found: object, *, error: Refusal = BalanceError) -> None:
    """Raise the error "rule; found ..." unless ``holds``."""
    if not holds:
        raise error(f"{rule}; found {quoted(found)}.")


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
    sound = is_number(value) and (is_whole(value) or not whole)
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


def require_text(name: str, value: object, *, error: Refusal = BalanceError) -> str:
    """A text."""
    require(isinstance(value, str), f"{name} must be a text", value, error=error)
    return str(value)


def require_path(name: str, value: object, *, error: Refusal = BalanceError) -> str:
    """A name or a path, as a text."""
    holds = isinstance(value, str | Path)
    require(holds, f"{name} must be a text or a path", value, error=error)
    return str(value)


def require_list(name: str, value: object, wanted: str, *, error: Refusal = BalanceError) -> None:
    """Raise the error unless it is a list, a tuple or a range; a text is none."""
    holds = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    require(holds, f"{name} must be a list of {wanted}", value, error=error)


def require_tensor(name: str, value: object, *, axes: str, floating: bool = False) -> None:
    """A tensor with as many axes as letters, or more where the last is "..."."""
    from torch import Tensor  # only here, so that a page is made without it

    wanted = axes.split(",")
    kind = f"a tensor ({axes.replace(',', ', ')})"
    if not isinstance(value, Tensor):
        raise BalanceError(f"{name} must be {kind}; found {type(value).__name__}.")
    fixed = [axis for axis in wanted if axis != "..."]
    fits = value.ndim == len(fixed) if len(fixed) == len(wanted) else value.ndim >= len(fixed)
    if not fits:
        raise BalanceError(f"{name} must be {kind}; found shape {tuple(value.shape)}.")
    if floating and not value.is_floating_point():
        raise BalanceError(f"{name} must be real numbers; found {value.dtype}.")


def require_choice(
    name: str, value: object, choices: Sequence[str], *, error: Refusal = BalanceError
) -> str:
    """One of ``choices``."""
    if isinstance(value, str) and value in choices:
        return value
    near = did_you_mean(value, choices) if isinstance(value, str) else ""
    raise error(f"{name} must be one of {', '.join(choices)}; found {quoted(value)}.{near}")


def require_modality_names(names: Iterable[object], *, error: Refusal = BalanceError) -> None:
    """Raise the error unless every name can be that of a modality wherever one stands: of a
    submodule, in a path of parameters, in the name of a row, of a folder and of a value in a log.
    """
    folders: dict[str, object] = {}
    for name in names:
        trouble = _trouble_of_a_modality(name)
        if trouble:
            shown = name if len(str(name)) <= 40 else f"{str(name)[:40]}..."
            raise error(
                f"{shown!r} cannot name a modality: it {trouble}; write a plain word, such as "
                "'audio'."
            )
        folder = re.sub(r"[^\w+-]+", "-", str(name))
        other = folders.setdefault(folder, name)
        if other != name:
            raise error(
                f"{other!r} and {name!r} cannot both name modalities: the runs of each would lie "
                f"in one folder, {folder!r}; write names that differ in letters or digits."
            )


def _trouble_of_a_modality(name: object) -> str:
    """What is wrong with a modality's name; empty where it can be one."""
    if not isinstance(name, str):
        return f"is a {type(name).__name__} and no text"
    if not name or name != name.strip():
        return "is empty, or begins or ends with a blank"
    odd = next((c for c in name if c in _NOT_IN_NAMES or not c.isprintable()), "")
    if odd:
        return f"holds {odd!r}"
    if (size := len(name.encode())) > _LONGEST_NAME:
        return f"takes {size} bytes, and {_LONGEST_NAME} are the most"
    if name.startswith("-"):
        return "begins as an option does"
    from torch import nn  # only here, so that a page is made without it

    if hasattr(nn.ModuleDict(), name):
        return "is taken in every torch.nn.ModuleDict, so that no encoder can be registered by it"
    return ""


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
