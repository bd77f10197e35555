"""Any number of labels a sample."""

import torch
import torch.nn.functional as F
from torch import Tensor

from equimodal.balancing.task.task import Task, check_pair
from equimodal.errors import BalanceError
from equimodal.numerics.purity import explained_purity
from equimodal.numerics.scores import widened


class MultiLabel(Task):
    """Any number of labels a sample, each true or false, with mean binary cross-entropy.

    ``logits`` are (N, C) unnormalised scores, ``target`` is (N, C) of 0 and 1. Information and
    entropy are sums over the labels, as if they were independent, and purity is the mean over them
    of the share of variance that as many clusters as labels explain: our own extension of the
    papers' formulas.
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

    def purity(self, features: Tensor, target: Tensor, most: int) -> float | None:
        """Mean over the labels of what as many clusters explain. (N, D), (N, C) -> [0, 1]"""
        return explained_purity(features, target, most=most)

    def check(self, logits: Tensor, target: Tensor) -> None:
        """Raise :class:`BalanceError` unless shapes and, on the CPU, the values fit."""
        if logits.ndim != 2 or target.shape != logits.shape:
            raise BalanceError(
                "MultiLabel takes logits and targets of one shape (N, C); found "
                f"{tuple(logits.shape)} and {tuple(target.shape)}. For one class a sample pass "
                "task=Classification(); one label is a column, output[:, None] and target[:, None]."
            )
        check_pair(logits, target)
        if target.device.type == "cpu" and not ((target == 0) | (target == 1)).all():
            raise BalanceError(
                "MultiLabel targets must be 0 or 1; found values from "
                f"{float(target.min()):g} to {float(target.max()):g}."
            )
