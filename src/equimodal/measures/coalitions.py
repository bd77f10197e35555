"""What a fused model predicts with some of its modalities, the others at their mean features.

A head that adds up the modalities' parts, such as a linear one, needs no model for this: with the
mean features of a modality it adds the mean of that modality's part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from equimodal.measures.goodness import likelihood, right
from equimodal.measures.shapley import Sampled, sampled_shapley
from equimodal.numerics.blanking import blanked

Fuse = Callable[[Mapping[str, Tensor]], Tensor]
"""Fused logits of the features, or parts, of all modalities: {m: (N, ...)} -> (N, C)."""

ORDERS = 200


def summed(parts: Mapping[str, Tensor]) -> Tensor:
    """Fused logits of an additive head. {m: (N, C)} -> (N, C)"""
    return torch.stack(list(parts.values())).sum(0)


def coalition_logits(fuse: Fuse, features: Mapping[str, Tensor], coalition: int) -> Tensor:
    """Logits with the modalities of a coalition, bit m for the m-th. {m: (N, ...)} -> (N, C)"""
    kept = [m for i, m in enumerate(features) if coalition >> i & 1]
    return fuse(blanked(features, kept, "mean"))


def scores(logits: Tensor, labels: Tensor) -> Tensor:
    """How right each sample is, and its true class's probability, see `goodness`.

    (N, C), (N, ...) -> (2, N)
    """
    return torch.stack([right(logits, labels), likelihood(logits, labels)])


def coalition_scores(fuse: Fuse, features: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """`scores` of every coalition, by number. {m: (N, ...)}, (N,) -> (2^M, 2, N)"""
    every = range(2 ** len(features))
    return torch.stack([scores(coalition_logits(fuse, features, s), labels) for s in every])


def sample_values(
    fuse: Fuse, features: Mapping[str, Tensor], labels: Tensor, *, seed: int = 0
) -> Tensor:
    """Shapley value of each modality for every sample, from random orders; for being right, and
    for the true class's probability. {m: (N, ...)}, (N,) -> (M, 2, N)
    """

    def scored(coalition: int) -> Tensor:
        return scores(coalition_logits(fuse, features, coalition), labels)

    return sampled_shapley(scored, len(features), orders=ORDERS, seed=seed).values


def sampled_means(
    fuse: Fuse, features: Mapping[str, Tensor], labels: Tensor, *, seed: int = 0
) -> Sampled:
    """Means over the samples of `sample_values` from the same random orders, with the interval
    that the draw of the orders leaves. {m: (N, ...)}, (N,) -> (M, 2)
    """

    def scored(coalition: int) -> Tensor:
        return scores(coalition_logits(fuse, features, coalition), labels).mean(1)

    return sampled_shapley(scored, len(features), orders=ORDERS, seed=seed)
