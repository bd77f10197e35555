"""One class a label."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from equimodal.balancing.task.class_checks import (
    checked_weight,
    counting_class,
    require_class_targets,
    require_told_layout,
)
from equimodal.balancing.task.criterion import criterion_loss, require_criterion
from equimodal.balancing.task.rows import (
    certain_classes,
    class_rows,
    is_soft,
    label_rows,
    two_columns,
)
from equimodal.balancing.task.task import Task
from equimodal.checks import plain_number, require_flag, require_number, require_whole
from equimodal.errors import BalanceError
from equimodal.numerics.purity import class_purity
from equimodal.numerics.scores import count_entropy, true_class_probability, widened

Criterion = Callable[[Tensor, Tensor], Tensor]
"""``criterion(logits, target) -> ()``"""


class Classification(Task):
    r"""Single-label classification with mean cross-entropy.

    ``logits`` are unnormalised scores, (N, C) or, with a label a token, (N, T, C); one column,
    (N, 1), is the logit of class 1 of two. ``target`` is of the same shape without the classes:
    labels in [0, C) of any integer type, or of bool. Probabilities of the classes, as distillation
    and the mixing of samples make them, are soft targets: floating, (N, C) or (N, T, C), each row
    of sum 1; those of one logit are (N,) or (N, 1) in [0, 1], and may be labels 0 and 1.

    The arguments change the loss that is trained, fused and unimodal, as they change PyTorch's
    ``cross_entropy``. What methods read stays plain: the probability of the true class (of soft
    targets its mean under them) and the cross-entropy in nats, of labels that count.

    A criterion is called once for the fused logits and once for those of every modality whose loss
    is trained, with logits and target in the shape in which they are given:

    ===================  ===========  ==========================================================
    output               logits       target
    ===================  ===========  ==========================================================
    a label a sample     (N, C)       (N,) int64, also where it was bool or another integer
    soft targets         (N, C)       (N, C) floating, as given
    one logit            (N, 1)       (N,) or (N, 1) as given, int64 or floating: give (N, 1)
                                      floating for ``nn.BCEWithLogitsLoss``
    a label a token      (N, T, C)    (N, T) int64, or (N, T, C) floating
    ===================  ===========  ==========================================================

    N is the number of rows, a modality's own those in which it is present; logits are of the
    model's type, under autocast of half precision. The criterion is not called where no label
    counts: that loss is 0. It must be, for any number of rows, fused and unimodal logits alike:

    * a scalar that gradients pass;
    * a mean over the labels, so that parts of a batch average and losses of modalities with
      other numbers of rows compare;
    * a function of these logits and this target alone, the same at every call: features, weights
      and schedules are no part of it, and a centre or a queue that it keeps would see each batch
      once for every modality.

    Args:
        weight: of every class, (C,), >= 0: a list, an array or a tensor; not of one logit.
        label_smoothing: in [0, 1).
        ignore_index: labels that do not count, such as -100 for padding; None: all labels count. A
            batch in which none counts, or in which all weigh 0, has the loss 0.
        criterion: the loss in place of cross-entropy, which the other arguments belong to, but for
            ``ignore_index``: it tells the methods, and the criterion is to ignore them itself. On
            a device the host then waits for the labels.
        tokens: whether outputs are (N, T, C) for sure, which only those with as many tokens as
            classes leave open: their axes look alike.

    Raises:
        BalanceError: an argument is out of range, or has no effect beside another; in the loss,
            what a criterion raised, with what it was given.
    """

    name = "single-label classification"

    def __init__(
        self,
        *,
        weight: Tensor | Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        criterion: Criterion | None = None,
        tokens: bool = False,
    ) -> None:
        smooth = plain_number(label_smoothing)
        smooth = require_number("Classification label_smoothing", smooth, low=0, high=1)
        if ignore_index is not None:
            ignore_index = plain_number(ignore_index)
            require_whole("Classification ignore_index", ignore_index)
        self.tokens = require_flag("Classification tokens", tokens)
        self._classes: set[int] = set()  # of outputs with a label a token, whose axes were told
        self.weight = None if weight is None else checked_weight(weight)
        self._counting = counting_class(self.weight, ignore_index)
        self._weightless = self.weight is not None and not bool(self.weight.all())
        self.label_smoothing, self.ignore_index, self.criterion = smooth, ignore_index, criterion
        if ignore_index is not None:
            self.name, self.lacks = "classes with ignored labels", frozenset({"classes"})
        if criterion is not None:
            require_criterion(criterion, plain=weight is None and not smooth)

    def prepared(self, target: Tensor) -> Tensor:
        """Integers and truth values as int64, the one type that every step reads. (N,) -> (N,)"""
        return target if target.is_floating_point() or target.is_complex() else target.long()

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy in nats, or the criterion. (N, ..., C), (N, ...) -> ()"""
        if self.criterion is not None:
            return self._own_loss(self.criterion, logits, target)
        rows, labels = label_rows(logits, target)
        if rows.shape[-1] == 1:
            return self._binary_loss(rows[:, 0], labels)
        if self.weight is not None:  # kept there: a copy in each step would make the host wait
            self.weight = self.weight.to(rows.device)
        weight = None if self.weight is None else self.weight.to(rows.dtype)
        if is_soft(labels):
            labels = labels.to(rows.dtype)
        options: dict[str, Any] = {"label_smoothing": self.label_smoothing}
        empty = None if is_soft(labels) else self._without_weight(labels, weight)
        if empty is None:
            return F.cross_entropy(rows, labels, weight, **options)
        if self.ignore_index is not None:
            options["ignore_index"] = self.ignore_index
        # Without a label that counts the mean is 0 / 0: one is put in, and its loss taken by 0.
        none = empty.all()
        given = torch.where(none, self._counting, labels)
        return F.cross_entropy(rows, given, weight, **options) * ~none

    def _without_weight(self, labels: Tensor, weight: Tensor | None) -> Tensor | None:
        """Which labels are ignored or of a class that weighs 0; None where none can be. (L,)"""
        ignored = None if self.ignore_index is None else labels == self.ignore_index
        if weight is None or not self._weightless:
            return ignored
        known = labels if ignored is None else torch.where(ignored, self._counting, labels)
        light = weight[known] == 0
        return light if ignored is None else light | ignored

    def _own_loss(self, criterion: Criterion, logits: Tensor, target: Tensor) -> Tensor:
        """The criterion, which is not asked where no label counts: 0, with a graph."""
        kept = self.counted(logits, target)
        if kept is not None and not bool(kept.any()):
            return logits[:0].sum()
        return criterion_loss(criterion, logits, target, ignore_index=self.ignore_index)

    def _binary_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean binary cross-entropy of one logit a label. (L,), (L,) -> ()"""
        truth = target.to(logits.dtype)
        if self.label_smoothing:
            truth = truth * (1 - self.label_smoothing) + self.label_smoothing / 2
        kept = self.counted(logits[:, None], target)
        if kept is None:
            return F.binary_cross_entropy_with_logits(logits, truth)
        each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return torch.where(kept, each, 0).sum() / kept.sum().clamp_min(1)

    def form(self, logits: Tensor, target: Tensor) -> tuple[str, frozenset[str]]:
        """What is no one class a sample with a column of its own."""
        if logits.ndim > 2:
            return f"a label a token, {tuple(logits.shape)}", frozenset({"classes", "purity"})
        if logits.shape[-1] == 1:
            return "one logit of two classes (two columns would do)", frozenset({"classes"})
        return "soft targets", frozenset({"classes"} if is_soft(target) else ())

    def labels(self, logits: Tensor, target: Tensor) -> int | Tensor:
        """How many labels count, L; a tensor () where some may be ignored."""
        kept = self.counted(logits, target)
        return super().labels(logits, target) if kept is None else kept.sum()

    def counted(self, logits: Tensor, target: Tensor) -> Tensor | None:
        """Which labels are not ignored, (L,) bool; None where all count."""
        if self.ignore_index is None or is_soft(target):
            return None
        return target.reshape(-1) != self.ignore_index

    def score(self, logits: Tensor, target: Tensor) -> Tensor:
        """Probability of the true class of every label, in [0, 1]. (N, ..., C), (N, ...) -> (L,)"""
        rows, labels = class_rows(logits, target)
        if is_soft(labels):
            return (widened(rows).softmax(-1) * labels).sum(-1)
        kept = self.counted(logits, target)
        if kept is None:
            return true_class_probability(rows, labels)
        return true_class_probability(rows, torch.where(kept, labels, 0)) * kept

    def log_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of every label in nats. (N, ..., C), (N, ...) -> (L,)"""
        rows, labels = class_rows(logits, target)
        wide = widened(rows)
        if is_soft(labels):
            labels = labels.to(wide.dtype)
        if self.ignore_index is None or is_soft(labels):
            return F.cross_entropy(wide, labels, reduction="none")
        return F.cross_entropy(wide, labels, reduction="none", ignore_index=self.ignore_index)

    def label_counts(self, target: Tensor, outputs: int) -> Tensor:
        """Labels of every class, of soft targets their sum. (N, ...) -> (C,)"""
        if is_soft(target):
            rows = two_columns(target.reshape(-1)) if outputs == 1 else target
            return rows.reshape(-1, max(outputs, 2)).float().sum(0)
        labels = target.reshape(-1)
        counts = torch.zeros(max(outputs, 2), device=target.device)
        ones = torch.ones_like(labels, dtype=counts.dtype)
        if self.ignore_index is not None:
            kept = labels != self.ignore_index
            labels, ones = torch.where(kept, labels, 0), ones * kept
        return counts.scatter_add_(0, labels, ones)

    def label_entropy(self, counts: Tensor) -> Tensor:
        """Entropy of the classes' frequencies in nats. (C,) -> ()"""
        return count_entropy(counts)

    def purity(self, features: Tensor, target: Tensor, most: int) -> float | None:
        """Share of samples in the majority class of their cluster. (N, D), (N,)"""
        classes = certain_classes(target) if is_soft(target) else target
        if classes is None:
            raise BalanceError(
                "Purity holds clusters against one class a sample; found soft targets of shape "
                f"{tuple(target.shape)} in loaders=. Give loaders of samples that are not mixed."
            )
        target = classes.reshape(len(classes), -1)[:, 0]
        if self.ignore_index is not None:
            kept = target != self.ignore_index
            features, target = features[kept], target[kept]
        return class_purity(features, target, most) if len(target) else None

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless shapes, types and, on the CPU, the values fit."""
        require_class_targets(
            logits, target, ignore_index=self.ignore_index,
            weights=None if self.weight is None else len(self.weight),
        )  # fmt: skip
        require_told_layout(logits, known=self._classes, told=self.tokens)
