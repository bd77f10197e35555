"""What is predicted: the loss, the true-class score and the checks of one kind of target."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import BalanceError
from .numerics.scores import true_class_probability


class Classification:
    """Single-label classification with mean cross-entropy.

    ``logits`` are (N, C) unnormalised scores, ``target`` is (N,) integer labels in [0, C).
    """

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy in nats. (N, C), (N,) -> ()"""
        return F.cross_entropy(logits, target)

    def score(self, logits: Tensor, target: Tensor) -> Tensor:
        """Probability of the true class of every sample, in [0, 1]. (N, C), (N,) -> (N,)"""
        return true_class_probability(logits, target)

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless shapes, types and, on the CPU, the range fit."""
        if target.is_floating_point():
            raise BalanceError(
                f"Classification takes one integer label a sample; found {target.dtype} targets of "
                f"shape {tuple(target.shape)}. Write target.argmax(-1) if they are one-hot; soft "
                "targets are not supported."
            )
        if logits.ndim != 2 or target.ndim != 1 or len(logits) != len(target):
            raise BalanceError(
                "Logits must be (N, C) and targets (N,); found "
                f"{tuple(logits.shape)} and {tuple(target.shape)}."
            )
        if target.device.type == "cpu" and len(target):
            low, high = (int(x) for x in torch.aminmax(target))
            if low < 0 or high >= logits.shape[1]:
                raise BalanceError(
                    f"Labels must lie in [0, {logits.shape[1]}) as the model has {logits.shape[1]} "
                    f"outputs; found labels from {low} to {high}."
                )
