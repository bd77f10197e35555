"""How good a prediction of each sample is, so that modalities can share it out.

Of a class it is whether it is right; of several labels the balanced accuracy; of numbers the
explained variance. Each is a mean over samples, given how frequent labels are and how much numbers
vary among them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from equimodal.measures.scoring import CLASSES, NUMBERS, kind_of
from equimodal.numerics.scores import true_class_probability


def right(logits: Tensor, labels: Tensor) -> Tensor:
    r"""How right each sample is. (N, C), (N, ...) -> (N,)

    Several labels: each label's states count one half, however frequent,
    :math:`\frac1C \sum_c [\hat y_c = y_c] / (2 P(y_c))`, and a label is predicted where its
    probability is above its share. Numbers: :math:`\frac1D \sum_d (1 - e_d^2 / \mathrm{Var}\,y_d)`.
    """
    kind = kind_of(labels)
    if kind == CLASSES:
        return (logits.argmax(1) == labels).double()
    if kind == NUMBERS:
        varied, spread = _varied(labels)
        errors = (logits.double() - labels.double()).square()[:, varied]
        return (1 - errors / spread).mean(1)
    true, share = _mixed(labels)
    said = logits.double()[:, _is_mixed(labels)].sigmoid() > share
    return ((said == true) / (2 * torch.where(true, share, 1 - share))).mean(1)


def likelihood(logits: Tensor, labels: Tensor) -> Tensor:
    """Probability of the true class, or mean over labels of that of their true state; of numbers
    what `right` says. (N, C), (N, ...) -> (N,)"""
    kind = kind_of(labels)
    if kind == CLASSES:
        return true_class_probability(logits.double(), labels)
    if kind == NUMBERS:
        return right(logits, labels)
    chance = logits.double().sigmoid()
    return torch.where(labels > 0, chance, 1 - chance).mean(1)


def blind(labels: Tensor) -> Tensor:
    """`right` of who knows the labels' frequencies alone: names the most frequent class, guesses
    each label, or says the mean of the numbers. (N, ...) -> (N,)"""
    kind = kind_of(labels)
    if kind == CLASSES:
        return (labels == torch.bincount(labels).argmax()).double()
    if kind == NUMBERS:
        return right(labels.double().mean(0).expand_as(labels), labels)
    return torch.full((len(labels),), 0.5, dtype=torch.float64)


def _is_mixed(labels: Tensor) -> Tensor:
    """Which labels are true of some samples and not of others. -> (C,)"""
    true = labels > 0
    return true.any(0) & ~true.all(0)


def _mixed(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The states of those labels, and their shares."""
    true = labels[:, _is_mixed(labels)] > 0
    return true, true.double().mean(0)


def _varied(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Which numbers vary, and their variances."""
    spread = numbers.double().var(0, correction=0)
    varied = spread > 0
    return varied, spread[varied]
