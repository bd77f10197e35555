"""Arguments of a comparison as a user gives them, checked and in one form.

Each function raises `BalanceError` for a value that it cannot honour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from equimodal.errors import BalanceError, did_you_mean

OBJECTIVES = ("fused", "fused+unimodal")


def default_out(data: str) -> str:
    """The folder of a comparison that names none."""
    return f"results/{Path(data).stem}"


def seed_list(seeds: int | Sequence[int]) -> list[int]:
    """The seeds 0 to n - 1 for a number n; a list as it is."""
    found = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    sound = all(_is_whole(seed) and seed >= 0 for seed in found)
    if not found or not sound or isinstance(seeds, bool):
        raise BalanceError(
            f"Seeds must be how many (3) or which (0, 1, 7), from 0 on; found {seeds!r}."
        )
    if len(set(found)) < len(found):
        raise BalanceError(f"A seed is given twice in {found}; write each once.")
    return found


def count_of(name: str, given: int | None, default: int, *, least: int = 1) -> int:
    """A whole number from ``least`` on, or the default where nothing is given."""
    value = default if given is None else given
    if not _is_whole(value) or value < least:
        raise BalanceError(f"The {name} must be a whole number from {least} on; found {value!r}.")
    return value


def batch_size_of(given: int | None, default: int, samples: int) -> int:
    """A batch size from 2 to the number of training samples, or the default, at most that number.

    A batch of one sample says nothing about a class or a modality against another.
    """
    size = count_of("batch size", given, min(default, samples), least=2)
    if size > samples:
        raise BalanceError(
            f"The batch size {size} is more than there are: {samples} training samples; write at "
            "most that many."
        )
    return size


def rate_list(given: float | Sequence[float] | None, default: float) -> list[float]:
    """Learning rates, one or several to search through."""
    value = default if given is None else given
    rates = [value] if isinstance(value, int | float) else list(value)
    if not rates or not all(isinstance(r, int | float) and 0 < r < math.inf for r in rates):
        raise BalanceError(f"Learning rates must be numbers above 0; found {given!r}.")
    if len(set(rates)) < len(rates):
        raise BalanceError(f"A learning rate is given twice in {rates}; write each once.")
    return [float(rate) for rate in rates]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_objective(objective: str) -> None:
    """Raise `BalanceError` unless it is one of `OBJECTIVES`."""
    if objective not in OBJECTIVES:
        raise BalanceError(
            f"The objective must be one of {', '.join(OBJECTIVES)}, found {objective!r}; results "
            f"of two objectives never share a comparison.{did_you_mean(str(objective), OBJECTIVES)}"
        )


def check_device(device: str) -> None:
    """Raise `BalanceError` unless PyTorch sees the device."""
    import torch

    kind, colon, index = device.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and index.isdigit())):
        raise BalanceError(f"There is no device '{device}'; write cpu, cuda or cuda:0.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(index or 0) >= count:
        raise BalanceError(
            f"The device '{device}' is not here: PyTorch sees {count} CUDA devices; write cpu."
        )
