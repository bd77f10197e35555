"""Optimisers by name with their settings, the same for every row of a comparison."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.nn import Parameter

from equimodal.checks import require_settings
from equimodal.errors import BalanceError, did_you_mean, quoted

WEIGHT_DECAY = 1e-4
_BETAS = {"betas": (0.9, 0.999), "weight_decay": WEIGHT_DECAY}
SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.9, "weight_decay": WEIGHT_DECAY},
    "adam": _BETAS,
    "adamw": _BETAS,
}
OPTIMIZERS = tuple(SETTINGS)
_KINDS: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def check_optimizer(name: str) -> None:
    """Raise `BalanceError` unless ``name`` is one of `OPTIMIZERS`."""
    if name not in OPTIMIZERS:
        raise BalanceError(
            f"There is no optimizer '{name}'; write {', '.join(OPTIMIZERS)}."
            f"{did_you_mean(name, OPTIMIZERS)}"
        )


def changed_settings(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the given settings that are not the optimiser's defaults here, checked.

    Args:
        name: one of `OPTIMIZERS`.
        given: some of ``momentum`` (SGD), ``betas`` (Adam, AdamW) and ``weight_decay``.

    Raises:
        BalanceError: the optimiser has no such setting, or a value is out of its range.
    """
    known = SETTINGS[name]
    for setting, value in given.items():
        require_settings(name, [setting], known)
        _check(name, setting, value)
    plain = {key: _plain(value) for key, value in given.items()}
    return {key: value for key, value in plain.items() if value != _plain(known[key])}


def build_optimizer(
    name: str,
    parameters: Iterable[Parameter],
    *,
    lr: float,
    settings: Mapping[str, Any] | None = None,
) -> torch.optim.Optimizer:
    """The optimiser of a run: SGD with momentum, Adam or AdamW, each with the same weight decay.

    Args:
        name: one of `OPTIMIZERS`.
        parameters: what it trains.
        lr: learning rate at the first step.
        settings: what replaces the values of `SETTINGS`.
    """
    check_optimizer(name)
    arguments = SETTINGS[name] | dict(settings or {})
    made: torch.optim.Optimizer = _KINDS[name](parameters, lr=lr, **arguments)
    return made


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every parameter group the learning rate ``lr``."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def _check(name: str, setting: str, value: Any) -> None:
    pair = setting == "betas"
    values = list(value) if pair and isinstance(value, list | tuple) else [value]
    below = 1.0 if setting in ("betas", "momentum") else 1e6
    sound = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if not sound or not all(0 <= v < below for v in values) or (pair and len(values) != 2):
        wanted = (
            "two numbers from 0 to below 1, such as 0.9,0.999"
            if pair
            else ("a number from 0 to below 1" if below == 1.0 else "a number from 0 to below 1e6")
        )
        raise BalanceError(f"{name}.{setting} must be {wanted}; found {quoted(value)}.")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
