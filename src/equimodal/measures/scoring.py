"""What predictions are judged by, for each kind of target.

The kind follows from the form of the labels: classes are (N,) int64, several labels (N, C) int64 of
0 and 1, and numbers (N, D) floating.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from equimodal.measures import deletion, multi_label, numbers
from equimodal.measures.classification import entropy
from equimodal.measures.deletion import Measure

CLASSES, LABELS, NUMBERS = "classification", "multi-label", "regression"


@dataclass(frozen=True)
class Score:
    """One measure of predictions.

    Either ``each`` gives a value of every sample whose mean it is, (N, ...), (N, ...) -> (N,), or
    ``kept`` its value on parts of them, see `deletion`.
    """

    each: Callable[[Tensor, Tensor], Tensor] | None = None
    kept: Measure | None = None

    def value(self, logits: Tensor, labels: Tensor) -> float:
        """Of all samples."""
        if self.each is not None:
            return float(self.each(logits, labels).double().mean())
        assert self.kept is not None
        everything = torch.ones(1, len(labels), dtype=torch.bool)
        return float(self.kept(logits, labels, everything))


def _hits(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(1) == labels).double()


SCORES: Mapping[str, Mapping[str, Score]] = {
    CLASSES: {
        "accuracy": Score(each=_hits),
        "macro_f1": Score(kept=deletion.macro_f1),
        "mean_average_precision": Score(kept=deletion.mean_average_precision),
    },
    LABELS: {
        "mean_average_precision": Score(kept=multi_label.mean_average_precision),
        "micro_f1": Score(kept=multi_label.micro_f1),
        "macro_f1": Score(kept=multi_label.macro_f1),
        "auroc": Score(kept=multi_label.auroc),
        "label_accuracy": Score(each=multi_label.label_accuracy),
    },
    NUMBERS: {
        "r2": Score(kept=numbers.explained_variance),
        "mae": Score(each=numbers.absolute_error),
        "rmse": Score(kept=numbers.root_mean_square_error),
        "pearson": Score(kept=numbers.pearson),
    },
}


def kind_of(labels: Tensor) -> str:
    """What labels of this form are: one of `SCORES`."""
    if labels.is_floating_point():
        return NUMBERS
    return LABELS if labels.ndim > 1 else CLASSES


def scores_of(labels: Tensor) -> Mapping[str, Score]:
    """The scores of labels of this form."""
    return SCORES[kind_of(labels)]


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The plain loss of each sample: cross-entropy in nats, its mean over labels, or the mean
    squared error. (N, ...), (N, ...) -> (N,)"""
    wide, kind = logits.double(), kind_of(labels)
    if kind == CLASSES:
        return cross_entropy(wide, labels, reduction="none")
    if kind == NUMBERS:
        return (wide - labels.double()).square().mean(1)
    return binary_cross_entropy_with_logits(wide, labels.double(), reduction="none").mean(1)


def blind_loss(labels: Tensor, weight: Sequence[float] = ()) -> float:
    """The loss of one who knows how often each class or label is, or the mean of numbers.

    ``weight`` (C,) of the classes in that loss; () for none.
    """
    kind = kind_of(labels)
    if kind == CLASSES:
        return entropy(labels, weight)
    wide = labels.double()
    if kind == NUMBERS:
        return float(wide.var(0, correction=0).mean())
    shares = wide.mean(0)
    return float((torch.special.entr(shares) + torch.special.entr(1 - shares)).mean())


def strata(labels: Tensor) -> Tensor:
    """By what samples are dealt out evenly: their class, their rarest label, or the rank of their
    first number. -> (N,)"""
    kind = kind_of(labels)
    if kind == CLASSES:
        return labels
    if kind == NUMBERS:
        return labels[:, 0].argsort(stable=True).argsort()
    true = labels > 0
    counts = true.sum(0)
    return torch.where(true, counts, len(labels) + 1).argmin(1)


def as_logits(predicted: Tensor, like: Tensor) -> Tensor:
    """What a probe predicts in the form of logits: of classes (N,) those that are certain.

    (N,) or (N, C), (N, C) -> (N, C)
    """
    return one_hot(predicted, like.shape[1]).double() if predicted.ndim == 1 else predicted
