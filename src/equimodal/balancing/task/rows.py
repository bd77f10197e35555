"""Outputs and targets of classes in one form: a row a label, a column a class."""

import torch
import torch.nn.functional as F
from torch import Tensor


def label_rows(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """A row for each label. (N, [T,] C), (N, [T]) or, of probabilities, (N, [T,] C) -> (L, C), ...

    With one column its labels are one number each: -> (L, 1), (L,)
    """
    if logits.shape[-1] == 1:
        return logits.reshape(-1, 1), target.reshape(-1)
    if logits.ndim == 2:
        return logits, target
    return logits.flatten(0, -2), target.flatten(0, logits.ndim - 2)


def class_rows(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """As `label_rows`, with one logit z written as the two classes' logits (0, z)."""
    logits, target = label_rows(logits, target)
    if logits.shape[-1] > 1:
        return logits, target
    pair = F.pad(logits, (1, 0))
    return pair, two_columns(target) if target.is_floating_point() else target


def two_columns(chance: Tensor) -> Tensor:
    """Probabilities of class 1 as those of both classes. (L,) -> (L, 2)"""
    return torch.stack([1 - chance, chance], 1)


def is_soft(target: Tensor) -> bool:
    """Whether the target holds probabilities."""
    return target.is_floating_point()


def certain_classes(target: Tensor) -> Tensor | None:
    """The classes that floating targets name; None where one is in between. (N, [C]) -> (N,)

    Of one column, or of none, the truth of class 1; of several columns the one that is 1.
    """
    rows = target.reshape(len(target), -1)
    whole = bool(((rows == 0) | (rows == 1)).all())
    if rows.shape[1] == 1:
        return rows[:, 0].long() if whole else None
    return rows.argmax(1) if whole and bool((rows.sum(1) == 1).all()) else None
