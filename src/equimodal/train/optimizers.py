"""Optimisers by name and the cosine schedule, the same for every row of a comparison."""

import math
from collections.abc import Iterable

import torch
from torch.nn import Parameter

from equimodal.errors import BalanceError, did_you_mean

MOMENTUM = 0.9
WEIGHT_DECAY = 1e-4
OPTIMIZERS = ("sgd", "adam", "adamw")


def check_optimizer(name: str) -> None:
    """Raise `BalanceError` unless ``name`` is one of `OPTIMIZERS`."""
    if name not in OPTIMIZERS:
        raise BalanceError(
            f"There is no optimizer '{name}'; write {', '.join(OPTIMIZERS)}."
            f"{did_you_mean(name, OPTIMIZERS)}"
        )


def build_optimizer(
    name: str, parameters: Iterable[Parameter], *, lr: float
) -> torch.optim.Optimizer:
    """The optimiser of a run: SGD with momentum, Adam or AdamW, each with the same weight decay."""
    check_optimizer(name)
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return kind(parameters, lr=lr, weight_decay=WEIGHT_DECAY)


def cosine_rate(lr: float, progress: float) -> float:
    """Learning rate after a share ``progress`` of the training: ``lr`` at 0, zero at 1."""
    return lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every parameter group the learning rate ``lr``."""
    for group in optimizer.param_groups:
        group["lr"] = lr
