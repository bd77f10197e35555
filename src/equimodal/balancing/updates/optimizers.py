"""The optimizers of a training: what they make of a gradient, and when they step."""

import copy
import inspect
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from equimodal.balancing.method import Method
from equimodal.errors import BalanceError, quoted

_STEPS = 10
"""Of the probe: RAdam divides by its second moment from the sixth on."""
_CHANGES = 1.5
"""Doubling a gradient doubles the update of plain descent; less than this is mostly lost."""


def warn_if_normalised(method: Method, optimizers: Sequence[Optimizer]) -> None:
    """Warn once where an optimizer divides a factor on the gradient out again."""
    for optimizer in optimizers:
        if normalises(optimizer):
            warnings.warn(
                f"{type(method).__name__} scales gradients, and {type(optimizer).__name__} "
                "normalises them, which cancels much of it. Pass on='update' to apply the decision "
                "to the update instead.",
                stacklevel=4,
            )
            return


def normalises(optimizer: Optimizer) -> bool:
    """Whether doubling a gradient leaves the update nearly as it is, by a trial of a small one of
    the same class and options. False where none can be made from them, or none can step."""
    return any(_normalises(optimizer, group) for group in optimizer.param_groups[:_STEPS])


def _normalises(optimizer: Optimizer, group: Mapping[str, Any]) -> bool:
    for layout in (torch.strided, torch.sparse_coo):
        try:
            with torch.random.fork_rng([]):
                one, two = (_trial(optimizer, group, size, layout) for size in (1.0, 2.0))
        except Exception:  # whatever an optimizer of someone else raises where it is alone
            continue
        return 0 < float(one) < torch.inf and float(two / one) < _CHANGES
    return False


@torch.no_grad()
def _trial(
    optimizer: Optimizer, group: Mapping[str, Any], size: float, layout: torch.layout
) -> Tensor:
    """Length of the last of a few updates by a constant gradient of a ``size``. -> ()"""
    device = next((p.device for p in group["params"]), torch.device("cpu"))
    kind = type(optimizer)
    known = inspect.signature(kind).parameters
    options = {k: copy.deepcopy(v) for k, v in group.items() if k not in ("params", "param_names")}
    options |= {"lr": 0.1} | ({"weight_decay": 0.0} if "weight_decay" in group else {})
    own = {k: v for k, v in {**optimizer.defaults, **options}.items() if k in known}
    weight = Parameter(torch.linspace(1, 2, 12, device=device).view(4, 3))
    gradient = size * torch.linspace(2, -1, 12, device=device).view(4, 3)
    small = kind([{**options, "params": [weight]}], **own)
    before = weight.clone()
    for _ in range(_STEPS):
        before = weight.clone()
        weight.grad = gradient.to_sparse(1) if layout is torch.sparse_coo else gradient.clone()
        small.step()
    length: Tensor = (weight - before).norm()
    return length


def forget(optimizers: Iterable[Optimizer], parameters: Iterable[Parameter] | None = None) -> None:
    """Let optimizers forget their state of parameters, such as momentum, or of all that they hold:
    as if they began."""
    known = None if parameters is None else list(parameters)
    for optimizer in optimizers:
        for parameter in list(optimizer.state) if known is None else known:
            optimizer.state.pop(parameter, None)


def listed(optimizers: Optimizer | Sequence[Optimizer]) -> list[Optimizer]:
    """One optimizer or several, each once and out of its wrappers. Raises BalanceError."""
    several = [optimizers] if isinstance(optimizers, Optimizer) else optimizers
    if isinstance(several, Tensor) or not isinstance(several, Iterable):
        raise BalanceError(
            f"optimizers must be an optimizer or a list of them; found {quoted(optimizers)}."
        )
    found = list(dict.fromkeys(map(bare, several)))
    for one in found:
        if not isinstance(one, Optimizer):
            raise BalanceError(
                f"optimizers must be of torch.optim.Optimizer; found {type(one).__name__}. Give "
                "the optimizer itself, and no scheduler and no parameters."
            )
    return found


def bare(optimizer: Optimizer) -> Optimizer:
    """The optimizer of PyTorch inside the wrappers of Accelerate, Fabric and Lightning."""
    inner = getattr(optimizer, "optimizer", None)
    return bare(inner) if isinstance(inner, Optimizer) else optimizer


def watch_steps(optimizer: Optimizer, watching: "weakref.WeakMethod[Callable[[], None]]") -> None:
    """Call a method before every step of an optimizer, or after it where a closure makes the
    gradients inside the step. The optimizer does not keep the method's owner alive."""
    optimizer.register_step_pre_hook(_watched(watching, closure=False))
    optimizer.register_step_post_hook(_watched(watching, closure=True))


def _watched(
    watching: "weakref.WeakMethod[Callable[[], None]]", *, closure: bool
) -> Callable[..., None]:
    """A hook for steps with or without a ``closure``."""

    def hook(_: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # args starts with the optimizer.
        given = kwargs.get("closure") is not None or any(callable(a) for a in args[1:])
        method = watching()
        if method and given == closure:
            method()

    return hook
