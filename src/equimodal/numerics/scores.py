"""Measures of how well logits predict a label, shared by several methods."""

from math import nan

import torch
import torch.nn.functional as F
from torch import Tensor

from equimodal.checks import require, require_tensor


def widened(values: Tensor) -> Tensor:
    """Half precision as float32, where sums and counts do not stall; others as they are."""
    return values.float() if values.dtype.itemsize < 4 else values


def true_class_probability(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax probability of the true class of every sample. (N, C), (N,) -> (N,)"""
    return widened(logits).softmax(-1).gather(-1, target[:, None]).squeeze(-1)


def discrepancy_ratios(scores: Tensor) -> Tensor:
    r"""How far each modality's score is ahead of the others', mean over the pairs. (M,) -> (M,)

    .. math:: \rho_m = \frac{1}{M - 1} \sum_{k \ne m} \frac{s_m}{\max(s_k, 10^{-12})}

    For two modalities the ratio of OGM-GE's equations 8 and 9; the mean over pairs is an author's
    advice for more. A score that is not a number, as of a modality that is missing, gives a ratio
    that is none and is left out of the others'.

    Raises:
        BalanceError: ``scores`` is no vector of two or more real numbers, or one is negative.
    """
    require_tensor("scores", scores, axes="M", floating=True)
    require(len(scores) > 1, "There must be two scores to compare", len(scores))
    pairs = scores[:, None] / scores.clamp_min(1e-12)
    others = pairs.masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), nan)
    return others.nanmean(1)


def softmax_entropy(features: Tensor) -> Tensor:
    """Entropy of ``softmax(features)`` of every sample, in nats. (N, ...) -> (N,)"""
    logp = F.log_softmax(widened(features).flatten(1), dim=1)
    return -(logp.exp() * logp).sum(1)


def count_entropy(counts: Tensor) -> Tensor:
    """Entropy of the frequencies ``counts / counts.sum()``, in nats. (C,) -> ()"""
    terms: Tensor = torch.special.entr(counts / counts.sum())
    return terms.sum()
