"""Whether targets of classes, weights and a criterion are what they must be."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from equimodal.balancing.task.task import check_pair, on_host
from equimodal.checks import is_number, require
from equimodal.errors import BalanceError, quoted

_CLOSE = 1e-3
_OTHERS = "For several labels a sample pass task=MultiLabel(), for numbers task=Regression()."


def checked_weight(weight: Tensor | Sequence[float]) -> Tensor:
    """Weights of classes as a tensor (C,). Raises BalanceError."""
    rule = "Classification weight must hold one number >= 0 for each class, not all of them 0"
    if not isinstance(weight, Tensor):
        plain = isinstance(weight, Sequence) and len(weight) > 0 and all(map(is_number, weight))
        require(plain, rule, weight)
        weight = torch.tensor(weight, dtype=torch.float32)
    found = weight.detach()
    require(found.ndim == 1 and len(found) > 1, rule, tuple(found.shape))
    sound = bool((found.isfinite() & (found >= 0)).all()) and bool(found.any())
    require(sound, rule, found.tolist())
    return found


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


def require_criterion_loss(loss: Any, logits: Tensor) -> Tensor:
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


def require_class_targets(
    logits: Tensor, target: Tensor, *, ignore_index: int | None, weights: int | None
) -> None:
    """Refuse outputs and targets that do not fit each other. Raises BalanceError.

    ``weights``: how many classes have one; None where none has.
    """
    if logits.ndim == 1 and target.ndim == 1:
        raise BalanceError(
            f"One logit a sample must be a column, (N, 1); found {tuple(logits.shape)}. Write "
            "loss(output[:, None], target)."
        )
    columns = logits.shape[-1] if logits.ndim in (2, 3) else 0
    one = columns == 1
    if target.is_complex() or (target.is_floating_point() and not _may_be_soft(logits, target)):
        raise BalanceError(
            f"Classification takes one integer label a sample; found {target.dtype} targets of "
            f"shape {tuple(target.shape)} for outputs of shape {tuple(logits.shape)}. Write "
            "target.long() if they are labels; probabilities of the classes have the shape of the "
            f"outputs. {_OTHERS}"
        )
    labelled = target.shape == logits.shape[:-1] or (one and target.shape == logits.shape)
    if not columns or not (labelled or target.is_floating_point()):
        raise BalanceError(
            "Logits must be (N, C) and targets (N,), or with a label a token (N, T, C) and (N, T); "
            f"found {tuple(logits.shape)} and {tuple(target.shape)}.{_one_hot(logits, target)}"
        )
    check_pair(logits, target)
    if weights is not None and weights != columns:
        raise BalanceError(
            f"Classification weight holds {weights} numbers, and the model has {columns} "
            f"output{'s' * (not one)}."
            + (" With one logit write criterion=nn.BCEWithLogitsLoss(pos_weight=...)." if one else
               f" Write weight=... with {columns} numbers.")
        )  # fmt: skip
    if on_host(target):
        _require_values(target, classes=max(columns, 2), one=one, ignore_index=ignore_index)


def _may_be_soft(logits: Tensor, target: Tensor) -> bool:
    """Whether floating targets are of the shape of probabilities."""
    if logits.ndim not in (2, 3):
        return False
    return target.shape == logits.shape or (
        logits.shape[-1] == 1 and target.shape == logits.shape[:-1]
    )


def _one_hot(logits: Tensor, target: Tensor) -> str:
    same = target.shape == logits.shape and target.ndim > 1
    return f" Write target.argmax(-1) if they are one-hot. {_OTHERS}" if same else ""


def require_labels(labels: Tensor, classes: int) -> None:
    """Refuse what is no whole number in [0, classes), where the host can look. BalanceError."""
    require(not labels.is_floating_point(), "Labels must be whole numbers", labels.dtype)
    if on_host(labels):
        low, high = _range(labels)
        require(low >= 0 and high < classes, f"Labels must lie in [0, {classes})", (low, high))


def _range(labels: Tensor) -> tuple[int, int]:
    """The least and the largest label."""
    low, high = (int(x) for x in torch.aminmax(labels))
    return low, high


def _require_values(target: Tensor, *, classes: int, one: bool, ignore_index: int | None) -> None:
    """Refuse labels out of range and rows that are no probabilities. Raises BalanceError."""
    if target.is_floating_point():
        low, high = (float(x) for x in torch.aminmax(target.float()))
        sums = target.float() if one else target.float().sum(-1)
        whole = one or bool(((sums - 1).abs() <= _CLOSE).all())
        if not (low >= 0 and high <= 1 + _CLOSE and whole):
            raise BalanceError(
                "Soft targets are probabilities of the classes, in [0, 1] and of sum 1 in every "
                f"row; found values from {low:g} to {high:g}"
                + ("" if one else f" and sums from {float(sums.min()):g} to {float(sums.max()):g}")
                + f". {_OTHERS}"
            )
        return
    if ignore_index is not None:
        target = target[target != ignore_index]
        if not target.numel():
            return
    low, high = _range(target)
    if low < 0 or high >= classes:
        hint = " Write Classification(ignore_index=-100) if -100 marks what has no label."
        raise BalanceError(
            f"Labels must lie in [0, {classes}) as the model has "
            f"{'one logit, of class 1' if one else f'{classes} outputs'}; found labels from {low} "
            f"to {high}.{hint if low == -100 else ''}"
        )
