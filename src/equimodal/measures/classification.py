"""What a run is judged by, from logits and labels."""

from __future__ import annotations

import torch
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of samples whose highest logit is the label's. (N, C), (N,) -> [0, 1]"""
    return float((logits.argmax(dim=1) == labels).double().mean())


def entropy(labels: Tensor) -> float:
    """Entropy of the classes' shares, in nats: the loss of one who knows only these. (N,)"""
    shares = torch.bincount(labels).double() / len(labels)
    return float(-torch.special.xlogy(shares, shares).sum())
