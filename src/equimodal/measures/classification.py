"""What a run is judged by, from logits and labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of samples whose highest logit is the label's. (N, C), (N,) -> [0, 1]"""
    return float((logits.argmax(dim=1) == labels).double().mean())


def entropy(labels: Tensor, weight: Sequence[float] = ()) -> float:
    """Entropy of the classes' shares, in nats: the loss of one who knows only these. (N,)

    ``weight`` (C,) is what each class counts in that loss; () for alike.
    """
    counts = torch.bincount(labels, minlength=len(weight)).double()
    counts = counts * torch.tensor(weight, dtype=torch.float64) if weight else counts
    shares = counts / counts.sum()
    return float(-torch.special.xlogy(shares, shares).sum())
