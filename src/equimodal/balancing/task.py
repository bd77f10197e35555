"""What is predicted: the loss, the score and the checks of one kind of target.

A method reads targets through its task alone: ``log_loss`` and ``label_entropy`` for bounds on
mutual information, ``score`` for cumulative scores. A task that has no such quantity says so in
``lacks``, and a method that needs it refuses the task by name.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from equimodal.checks import require_choice
from equimodal.errors import BalanceError
from equimodal.numerics.scores import count_entropy, true_class_probability, widened


class Task:
    """One kind of target."""

    name: ClassVar[str]
    """As messages say it, such as "single-label classification"."""
    lacks: ClassVar[frozenset[str]] = frozenset()
    """Which of "score", "information" and "classes" it has not."""

    def prepared(self, target: Tensor) -> Tensor:
        """The target in the type that loss, score and counts read. (N, ...) -> (N, ...)"""
        return target

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss to train on, a mean over the samples. (N, C), (N, ...) -> ()"""
        raise NotImplementedError

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise BalanceError unless shapes, types and, on the CPU, the values fit."""
        raise NotImplementedError

    def score(self, logits: Tensor, target: Tensor) -> Tensor:
        """How well each sample is predicted, in [0, 1]. (N, C), (N, ...) -> (N,)"""
        raise BalanceError(f"There is no score between 0 and 1 for {self.name}.")

    def log_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each sample's label, in nats. (N, C), (N, ...) -> (N,)"""
        raise BalanceError(f"There is no label to be informed about in {self.name}.")

    def label_counts(self, target: Tensor, outputs: int) -> Tensor:
        """Counts that add up over batches and ranks. (N, ...) -> (S,)"""
        raise BalanceError(f"There is no label to be counted in {self.name}.")

    def label_entropy(self, counts: Tensor) -> Tensor:
        """Entropy of the label by its counts, in nats. (S,) -> ()"""
        raise BalanceError(f"There is no label to be informed about in {self.name}.")


class Classification(Task):
    """Single-label classification with mean cross-entropy.

    ``logits`` are (N, C) unnormalised scores, ``target`` is (N,) labels in [0, C) of any integer
    type, or of bool.
    """

    name = "single-label classification"

    def prepared(self, target: Tensor) -> Tensor:
        """Integers and truth values as int64, the one type that every step reads. (N,) -> (N,)"""
        return target if target.is_floating_point() or target.is_complex() else target.long()

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy in nats. (N, C), (N,) -> ()"""
        return F.cross_entropy(logits, target)

    def score(self, logits: Tensor, target: Tensor) -> Tensor:
        """Probability of the true class of every sample, in [0, 1]. (N, C), (N,) -> (N,)"""
        return true_class_probability(logits, target)

    def log_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of every sample in nats. (N, C), (N,) -> (N,)"""
        return F.cross_entropy(widened(logits), target, reduction="none")

    def label_counts(self, target: Tensor, outputs: int) -> Tensor:
        """Samples of every class. (N,) -> (C,)"""
        counts = torch.zeros(outputs, device=target.device)
        return counts.scatter_add_(0, target, torch.ones_like(target, dtype=counts.dtype))

    def label_entropy(self, counts: Tensor) -> Tensor:
        """Entropy of the classes' frequencies in nats. (C,) -> ()"""
        return count_entropy(counts)

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless shapes, types and, on the CPU, the range fit."""
        if target.is_floating_point() or target.is_complex():
            raise BalanceError(
                f"Classification takes one integer label a sample; found {target.dtype} targets of "
                f"shape {tuple(target.shape)}. Write target.argmax(-1) if they are one-hot; soft "
                "targets are not supported. For several labels a sample pass task=MultiLabel(), "
                "for numbers task=Regression()."
            )
        if logits.ndim != 2 or target.ndim != 1 or logits.shape[0] != target.shape[0]:
            raise BalanceError(
                "Logits must be (N, C) and targets (N,); found "
                f"{tuple(logits.shape)} and {tuple(target.shape)}."
            )
        _check_pair(logits, target)
        if target.device.type == "cpu" and target.numel():
            low, high = (x.item() for x in torch.aminmax(target))
            if low < 0 or high >= logits.shape[1]:
                raise BalanceError(
                    f"Labels must lie in [0, {logits.shape[1]}) as the model has {logits.shape[1]} "
                    f"outputs; found labels from {low} to {high}."
                )


class MultiLabel(Task):
    """Any number of labels a sample, each true or false, with mean binary cross-entropy.

    ``logits`` are (N, C) unnormalised scores, ``target`` is (N, C) of 0 and 1. Information and
    entropy are sums over the labels, as if they were independent.
    """

    name = "multi-label classification"
    lacks = frozenset({"classes"})

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean binary cross-entropy over samples and labels, in nats. (N, C), (N, C) -> ()"""
        return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype))

    def score(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean probability of the true state of every label, in [0, 1]. (N, C), (N, C) -> (N,)"""
        chance = widened(logits).sigmoid()
        return torch.where(target.bool(), chance, 1 - chance).mean(1)

    def log_loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Sum of the labels' binary cross-entropies, in nats. (N, C), (N, C) -> (N,)"""
        wide = widened(logits)
        each = F.binary_cross_entropy_with_logits(wide, target.to(wide.dtype), reduction="none")
        return each.sum(1)

    def label_counts(self, target: Tensor, outputs: int) -> Tensor:
        """Samples with and without each label. (N, C) -> (2 C,)"""
        true = target.float().sum(0)
        return torch.cat([true, len(target) - true])

    def label_entropy(self, counts: Tensor) -> Tensor:
        """Sum of the labels' entropies, in nats. (2 C,) -> ()"""
        pairs = counts.view(2, -1)
        terms: Tensor = torch.special.entr(pairs / pairs.sum(0))
        return terms.sum()

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless shapes and, on the CPU, the values fit."""
        if logits.ndim != 2 or target.shape != logits.shape:
            raise BalanceError(
                "MultiLabel takes logits and targets of one shape (N, C); found "
                f"{tuple(logits.shape)} and {tuple(target.shape)}."
            )
        _check_pair(logits, target)
        if target.device.type == "cpu" and not ((target == 0) | (target == 1)).all():
            raise BalanceError(
                "MultiLabel targets must be 0 or 1; found values from "
                f"{float(target.min()):g} to {float(target.max()):g}."
            )


class Regression(Task):
    """Numbers, with the mean squared or absolute error.

    ``logits``, the model's output, and ``target`` are both (N, D).

    Args:
        error: "squared" or "absolute".
    """

    name = "regression"
    lacks = frozenset({"score", "information", "classes"})

    def __init__(self, error: str = "squared") -> None:
        require_choice("Regression error", error, ("squared", "absolute"))
        self.error = error

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean error over samples and outputs. (N, D), (N, D) -> ()"""
        error = F.mse_loss if self.error == "squared" else F.l1_loss
        return error(logits, target.to(logits.dtype))

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless output and target are of one shape (N, D)."""
        if logits.ndim != 2 or target.shape != logits.shape:
            raise BalanceError(
                "Regression takes outputs and targets of one shape (N, D); found "
                f"{tuple(logits.shape)} and {tuple(target.shape)}. Write target[:, None] for one "
                "number a sample."
            )
        _check_pair(logits, target)


def _check_pair(logits: Tensor, target: Tensor) -> None:
    """Refuse outputs that no loss can read, and pairs on two devices. Raises BalanceError."""
    if not logits.is_floating_point():
        raise BalanceError(
            f"The model's output must be real numbers, from before any argmax; found "
            f"{logits.dtype}."
        )
    if logits.device != target.device:
        raise BalanceError(
            f"Targets must be where the model's output is; found {target.device} and "
            f"{logits.device}. Write target.to({str(logits.device)!r})."
        )
