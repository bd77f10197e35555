"""Whether targets of classes and their weights are what they must be."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from equimodal.balancing.task.task import check_pair, on_host
from equimodal.checks import require
from equimodal.errors import BalanceError

_CLOSE = 1e-3
_OTHERS = "For several labels a sample pass task=MultiLabel(), for numbers task=Regression()."


def checked_weight(weight: Tensor | np.ndarray | Sequence[float]) -> Tensor:
    """Weights of classes as a tensor (C,). Raises BalanceError."""
    rule = "Classification weight must hold one number >= 0 for each class, not all of them 0"
    if not isinstance(weight, Tensor):
        try:
            array = np.asarray(weight)
        except ValueError:  # lists of unequal lengths
            array = np.empty((), object)
        require(array.dtype.kind in "iuf", rule, weight)
        weight = torch.tensor(array, dtype=torch.float32)
    found = weight.detach()
    require(found.ndim == 1 and len(found) > 1, rule, tuple(found.shape))
    require(not found.is_complex() and found.dtype != torch.bool, rule, found)
    sound = bool((found.isfinite() & (found >= 0)).all()) and bool(found.any())
    require(sound, rule, found.tolist())
    return found


def counting_class(weight: Tensor | None, ignore_index: int | None) -> int:
    """A class whose labels count, the heaviest one that is not ignored. Raises BalanceError."""
    if weight is None:
        return int(ignore_index == 0)
    counting = weight.clone()
    if ignore_index in range(len(weight)):
        counting[ignore_index] = 0
    rule = "Classification weight must be > 0 for a class that ignore_index does not leave out"
    require(bool(counting.any()), rule, weight.tolist())
    return int(counting.argmax())


def require_class_targets(
    logits: Tensor, target: Tensor, *, ignore_index: int | None, weights: int | None
) -> None:
    """Refuse outputs and targets that do not fit each other. Raises BalanceError.

    ``weights``: how many classes have one; None where none has.
    """
    if logits.ndim == 1 and target.ndim == 1:
        raise BalanceError(
            f"One logit a sample must be a column, (N, 1); found {tuple(logits.shape)}. Let the "
            "model return output[:, None]."
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
            f"{_classes_in_front(logits, target)}"
        )
    check_pair(logits, target)
    if weights is not None and weights != columns:
        raise BalanceError(
            f"Classification weight holds {weights} numbers, and the model has {columns} "
            f"output{'s' * (not one)}."
            + (" With one logit write criterion=nn.BCEWithLogitsLoss(pos_weight=...), and give "
               "floating labels of shape (N, 1)." if one else
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


def _classes_in_front(logits: Tensor, target: Tensor) -> str:
    """What to write where the classes are the second axis, as PyTorch's losses take them."""
    if logits.ndim < 3 or (len(logits), *logits.shape[2:]) != tuple(target.shape):
        return ""
    if logits.ndim == 3:
        return (
            " Where the classes are the second axis, let the model return (N, T, C), "
            "output.transpose(1, 2)."
        )
    return (
        " Where the classes are the second axis, let the model return (N, T, C), "
        "output.flatten(2).transpose(1, 2), and give target.flatten(1)."
    )


def require_told_layout(logits: Tensor, *, known: set[int], told: bool) -> None:
    """Refuse outputs whose axes of tokens and classes look alike, unless another batch of as many
    ``known`` classes, or the user, has told. Raises BalanceError."""
    if logits.ndim != 3:
        if told:
            raise BalanceError(
                "Classification(tokens=True) takes outputs (N, T, C), with a label a token; found "
                f"{tuple(logits.shape)}. Leave tokens out for a label a sample."
            )
        return
    tokens, classes = logits.shape[1:]
    if tokens != classes or classes == 1:
        known.add(classes)
    elif not told and classes not in known:
        raise BalanceError(
            f"The output is {tuple(logits.shape)}, of as many tokens as classes, so that its axes "
            "cannot be told apart. Write Classification(tokens=True) where it is (N, T, C), the "
            "classes last; where they are second, let the model return output.transpose(1, 2)."
        )


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


def _ignored(target: Tensor, ignore_index: int | None) -> str:
    if ignore_index is None or not bool((target == ignore_index).any()):
        return ""
    return f" Write target.long() where {ignore_index} marks labels that are ignored."


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
                + f".{_ignored(target, ignore_index)} {_OTHERS}"
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
