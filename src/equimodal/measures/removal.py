"""What the fused model loses when one modality is removed, shuffled or noised.

Removed: its features are replaced by their mean. Shuffled: every sample gets those of another one,
so that they mislead (permutation importance; Breiman: random forests. 2001). Noised: to every
sample's features the centred ones of another sample are added, noise as strong as the signal.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from equimodal.measures.coalitions import Fuse
from equimodal.measures.goodness import right
from equimodal.numerics.blanking import blank

CHANGES = ("removed", "shuffled", "noised")


def changed(features: Tensor, change: str, *, seed: int) -> Tensor:
    """The features of one modality after a change, one of `CHANGES`. (N, ...) -> (N, ...)"""
    if change == "removed":
        return blank(features, "mean")
    draw = torch.Generator().manual_seed(seed)
    others = features[torch.randperm(len(features), generator=draw)]
    return others if change == "shuffled" else features + others - blank(features, "mean")


def drops(
    fuse: Fuse, features: Mapping[str, Tensor], labels: Tensor, *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Accuracy, or what `goodness.right` is, before minus after each change of each modality.

    {m: (N, ...)}, (N,) -> {change: {m: float}}
    """

    def score(logits: Tensor) -> float:
        return float(right(logits, labels).mean())

    whole = score(fuse(features))
    return {
        change: {
            m: whole - score(fuse({**features, m: changed(rows, change, seed=seed)}))
            for m, rows in features.items()
        }
        for change in CHANGES
    }
