"""Measures of how well logits predict a label, shared by several methods."""

import torch
import torch.nn.functional as F
from torch import Tensor


def widened(values: Tensor) -> Tensor:
    """Half precision as float32, where sums and counts do not stall; others as they are."""
    return values.float() if values.dtype.itemsize < 4 else values


def true_class_probability(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax probability of the true class of every sample. (N, C), (N,) -> (N,)"""
    return widened(logits).softmax(-1).gather(-1, target[:, None]).squeeze(-1)


def softmax_entropy(features: Tensor) -> Tensor:
    """Entropy of ``softmax(features)`` of every sample, in nats. (N, ...) -> (N,)"""
    logp = F.log_softmax(widened(features).flatten(1), dim=1)
    return -(logp.exp() * logp).sum(1)


def count_entropy(counts: Tensor) -> Tensor:
    """Entropy of the frequencies ``counts / counts.sum()``, in nats. (C,) -> ()"""
    terms: Tensor = torch.special.entr(counts / counts.sum())
    return terms.sum()
