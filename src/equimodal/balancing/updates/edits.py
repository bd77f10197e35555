"""Factors on gradients, and factors on the optimizer's update.

A mask on a gradient is not a mask on an update: momentum and weight decay still move a masked
unit, and Adam divides a constant factor out again (a factor 0.3 changes the norm of five Adam
updates by 0.9999). The released codes mask gradients, so that is the default.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from equimodal.parts.sharding import is_sharded, local, spread
from equimodal.parts.units import Part


class Edits(Protocol):
    """Carries out the factors of an update; those that meet in a parameter multiply."""

    def begin(self) -> None:
        """A new update."""

    def scale_units(self, factors: Sequence[tuple[Part, Tensor]]) -> None:
        """Multiply units by their factors. Parts without a gradient are skipped."""

    def scale_all(self, parameters: Sequence[Parameter], factor: Tensor) -> None:
        """Multiply whole parameters, which have gradients, by one factor. ()"""


class GradientEdits:
    """Factors on gradients, in place."""

    def begin(self) -> None:
        """A new update: nothing is kept of an earlier one."""

    def scale_units(self, factors: Sequence[tuple[Part, Tensor]]) -> None:
        """Multiply the gradients of units by their factors. Parts without one are skipped."""
        for part, factor in factors:
            grad = part.parameter.grad
            if grad is None:
                continue
            if is_sharded(grad):
                local(grad).mul_(spread(part, factor))
            else:
                part.view(grad).mul_(part.along(factor))

    def scale_all(self, parameters: Sequence[Parameter], factor: Tensor) -> None:
        """Multiply whole gradients by one factor. ()"""
        grads = [local(p.grad) for p in parameters if p.grad is not None]
        for device in {g.device for g in grads}:
            mine = [g for g in grads if g.device == device]
            torch._foreach_mul_(mine, factor.to(device, non_blocking=True))


class UpdateEdits:
    """Factors on the difference that an optimizer's step makes."""

    def __init__(self) -> None:
        self._before: dict[Parameter, Tensor] = {}
        self._factors: dict[Parameter, list[tuple[Part | None, Tensor]]] = {}

    def follow(self, optimizers: Sequence[Optimizer]) -> None:
        """Scale the steps of these optimizers from now on."""
        for optimizer in optimizers:
            optimizer.register_step_post_hook(self._apply)

    def begin(self) -> None:
        """A new update: what no optimizer has stepped by is forgotten."""
        self._before, self._factors = {}, {}

    def scale_units(self, factors: Sequence[tuple[Part, Tensor]]) -> None:
        """Keep factors of units, and the parameters as they are, until the optimizer's step."""
        for part, factor in factors:
            self._hold(part.parameter, part, factor)

    def scale_all(self, parameters: Sequence[Parameter], factor: Tensor) -> None:
        """Keep a factor of whole parameters, and these as they are, until the optimizer's step."""
        for parameter in parameters:
            self._hold(parameter, None, factor)

    def _hold(self, parameter: Parameter, part: Part | None, factor: Tensor) -> None:
        if parameter.grad is None:
            return
        if parameter not in self._before:
            self._before[parameter] = local(parameter.detach()).clone()
        self._factors.setdefault(parameter, []).append((part, factor))

    @torch.no_grad()
    def _apply(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter in self._before:
                    old = self._before.pop(parameter)
                    for part, factor in self._factors.pop(parameter):
                        _interpolate(parameter, part, factor, old)


def _interpolate(parameter: Parameter, part: Part | None, factor: Tensor, old: Tensor) -> None:
    """Move a parameter, or this rank's rows of it, to ``old + factor * (new - old)``."""
    new = local(parameter.data)
    if part is None:
        along = factor.to(new.device)
    elif is_sharded(parameter):
        along = spread(part, factor)
    else:
        new, old, along = part.view(new), part.view(old), part.along(factor)
    new.copy_(torch.lerp(old, new, along.to(new.dtype)))
