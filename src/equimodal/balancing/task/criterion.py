"""A loss of the user's own: what it must be, what it is given, and what it raises."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.balancing.task.rows import is_soft
from equimodal.checks import require
from equimodal.errors import BalanceError, quoted

_CLASSES_SECOND = (nn.CrossEntropyLoss, nn.NLLLoss)


def require_criterion(criterion: object, *, plain: bool) -> None:
    """Refuse what is no criterion, or stands beside what it replaces. Raises BalanceError."""
    made = isinstance(criterion, type)
    hint = (
        ", not the class: write " + criterion.__name__ + "()" if isinstance(criterion, type) else ""
    )
    require(callable(criterion) and not made,
            f"Classification criterion must be a function of (logits, target){hint}",
            criterion)  # fmt: skip
    if not plain:
        raise BalanceError(
            "Classification weight and label_smoothing belong to cross-entropy, which criterion "
            f"replaces; found both. Give them to {quoted(criterion)} itself, or leave it out."
        )


def criterion_loss(
    criterion: Callable[[Tensor, Tensor], Any],
    logits: Tensor,
    target: Tensor,
    *,
    ignore_index: int | None,
) -> Tensor:
    """What a criterion gives, if it is a loss. Raises BalanceError, also for what it raised."""
    if logits.ndim > 2 and isinstance(criterion, _CLASSES_SECOND):
        raise BalanceError(
            f"Classification criterion {_name(criterion)} reads the second axis as the classes, "
            f"which are last. {_given(logits, target, ignore_index)}"
        )
    try:
        loss = criterion(logits, target)
    except (BalanceError, torch.OutOfMemoryError):  # trainers look for the latter
        raise
    except Exception as problem:
        raise BalanceError(
            f"Classification criterion {_name(criterion)} raised {type(problem).__name__}: "
            f"{str(problem).rstrip('.')}. {_given(logits, target, ignore_index)}"
        ) from problem
    return _required_loss(loss, logits)


def _name(criterion: object) -> str:
    return str(getattr(criterion, "__name__", type(criterion).__name__))


def _given(logits: Tensor, target: Tensor, ignore_index: int | None) -> str:
    """What a criterion was given, and what to write."""
    advice = ""
    if logits.shape[-1] == 1 and (target.shape != logits.shape or not is_soft(target)):
        advice = (
            " Where it takes labels in the shape of one logit, as nn.BCEWithLogitsLoss does, give "
            "loss() floating ones, target.float().reshape(output.shape)."
        )
    elif logits.ndim > 2:
        advice = " Of tokens let it flatten both: logits.flatten(0, 1) and target.flatten(0, 1)."
    if ignore_index is not None and bool((target == ignore_index).any()):
        advice += f" Labels of {ignore_index} are among them, which it must leave out itself."
    return (
        f"It was given logits of shape {tuple(logits.shape)} and type {logits.dtype}, and a target "
        f"of shape {tuple(target.shape)} and type {target.dtype}.{advice}"
    )


def _required_loss(loss: Any, logits: Tensor) -> Tensor:
    """What a criterion gave, if it is a loss. Raises BalanceError."""
    what = type(loss).__name__
    if isinstance(loss, Tensor):
        if loss.ndim == 0 and (loss.requires_grad or not _trains(logits)):
            return loss
        what = f"a tensor of shape {tuple(loss.shape)}"
        if loss.ndim == 0:
            what = "a number that no gradient passes"
    raise BalanceError(
        f"Classification criterion must return one loss, a mean over the labels; found {what}. "
        "Write reduction='mean', or .mean(), and no .item() or .detach()."
    )


def _trains(logits: Tensor) -> bool:
    return torch.is_grad_enabled() and logits.requires_grad
