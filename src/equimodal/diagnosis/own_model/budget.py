"""The budget of a user's training, which the references of its diagnosis take over."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from equimodal.checks import require_number
from equimodal.comparison.words import listing
from equimodal.errors import BalanceError, quoted

MakeOptimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
MakeSchedule = Callable[[torch.optim.Optimizer, int], Any]
LOADER = "loader"
"""In the place of a batch size: the loader's own batches are those of the training."""


@dataclass(frozen=True)
class Budget:
    """How a model was trained, and so its references are.

    Args:
        epochs: passes over the training samples.
        batch_size: samples of one update; None: a batch of the loader.
        optimizer: of some parameters: ``optimizer(parameters)``.
        schedule: of an optimizer and its number of updates, stepped after each; None: a constant
            rate.
        seeds: one training of each reference for each.
    """

    epochs: int
    batch_size: int | None
    optimizer: MakeOptimizer
    schedule: MakeSchedule | None
    seeds: tuple[int, ...]

    def updates(self, samples: int, times: int = 1) -> int:
        """Updates of a training over so many samples; at least as many as there are passes."""
        each = 1 if self.batch_size is None else math.ceil(samples / self.batch_size)
        return times * self.epochs * each


def budget_of(
    epochs: int,
    batch_size: int | str | None,
    optimizer: MakeOptimizer | torch.optim.Optimizer | None,
    schedule: MakeSchedule | None,
    seeds: Sequence[int],
) -> Budget | None:
    """The budget that the user states; None where no reference is trained.

    Raises:
        BalanceError: something of it is not said, or cannot be.
    """
    if not epochs:
        return None
    if optimizer is None:
        raise BalanceError(
            "train_alone_epochs needs the optimizer that the model was trained with, as another "
            "one makes another reference; write optimizer=your_optimizer, or optimizer=lambda "
            "weights: torch.optim.AdamW(weights, lr=1e-3), with your own class and settings."
        )
    if batch_size is None:
        raise BalanceError(
            "train_alone_epochs needs the samples of one update of your training, accumulated "
            "batches counted together, as others make another reference; write batch_size=32, or "
            f"batch_size={LOADER!r} where each batch of the loader was one update."
        )
    if batch_size != LOADER:
        require_number("batch_size", batch_size, low=1, whole=True)
    make = _like(optimizer) if isinstance(optimizer, torch.optim.Optimizer) else optimizer
    size = None if batch_size == LOADER else int(batch_size)
    return Budget(epochs, size, make, schedule, tuple(seeds))


def _like(optimizer: torch.optim.Optimizer) -> MakeOptimizer:
    """An optimizer of the same class and settings, with the rate that the training began with.

    An encoder gets the settings of its own group of parameters, which are those of its head.
    """

    def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        wanted = {id(p) for p in parameters}
        groups = optimizer.param_groups
        held = [g for g in groups if any(id(p) in wanted for p in g["params"])]
        group = (held or groups)[0]
        settings = {name: group[name] for name in optimizer.defaults if name in group}
        settings["lr"] = group.get("initial_lr", group["lr"])
        if not float(settings["lr"]) > 0:
            raise BalanceError(
                f"The rate of the given {type(optimizer).__name__} is {quoted(settings['lr'])} "
                "now; write optimizer=lambda weights: ... with the rate that the training began "
                "with, and schedule=... for how it fell."
            )
        taken = inspect.signature(type(optimizer)).parameters
        return type(optimizer)(parameters, **{k: v for k, v in settings.items() if k in taken})

    return make


def described(optimizer: torch.optim.Optimizer) -> str:
    """An optimizer in words: class, rate, and what is not as its class has it."""
    group = optimizer.param_groups[0]
    usual = inspect.signature(type(optimizer)).parameters
    rate = float(group.get("initial_lr", group["lr"]))
    told = [f"lr {rate:g}"]
    told += [
        f"{name} {value}"
        for name, value in group.items()
        if name in usual and name not in ("params", "lr") and value != usual[name].default
    ]
    return f"{type(optimizer).__name__} ({', '.join(told)})"


def budget_told(budget: Budget, optimizer: str, updates: int, samples: int) -> dict[str, Any]:
    """The budget of the references as ``source`` of a diagnosis holds it, with a sentence."""
    batch = "the loader's batches" if budget.batch_size is None else f"{budget.batch_size}"
    rate = "constant rate" if budget.schedule is None else "the given schedule"
    seeds = listing([str(seed) for seed in budget.seeds])
    return {
        "optimizer": optimizer,
        "batch_size": budget.batch_size,
        "epochs": budget.epochs,
        "updates": updates,
        "seeds": list(budget.seeds),
        "told": (
            f"references: {optimizer}, {rate}, updates of {batch} of {samples:,} samples, "
            f"{budget.epochs} passes, {updates:,} updates, seeds {seeds}"
        ),
    }
