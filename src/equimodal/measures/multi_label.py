"""Scores of several labels a sample, of many parts of the same samples at once.

Logits (N, C), labels (N, C) of 0 and 1, and masks (K, N) of what is kept give values (K,). Means
over labels are over those that occur in all samples (AUROC: that occur and are absent somewhere);
a part without a sample of one of them has no value, NaN. A label is predicted where its logit is
above 0.
"""

from __future__ import annotations

import torch
from torch import Tensor


def label_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of a sample's labels whose state is predicted. (N, C), (N, C) -> (N,)"""
    return ((logits > 0) == (labels > 0)).double().mean(1)


def micro_f1(logits: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """2 TP / (2 TP + FP + FN) over all samples and labels together. -> (K,)"""
    hits, said, actual = _counts(logits, labels, kept)
    return 2 * hits.sum(1) / (said.sum(1) + actual.sum(1))


def macro_f1(logits: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Mean over labels of 2 TP / (2 TP + FP + FN). -> (K,)"""
    hits, said, actual = _counts(logits, labels, kept)
    score = 2 * hits / (said + actual)
    return torch.where(actual > 0, score, torch.nan)[:, (labels > 0).any(0)].mean(1)


def mean_average_precision(logits: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Mean over labels of the average precision of their logit. -> (K,)"""
    occurring = (labels > 0).any(0).nonzero()[:, 0].tolist()
    parts = kept.double()
    each = [average_precision(logits[:, c].double(), labels[:, c] > 0, parts) for c in occurring]
    return torch.stack(each).mean(0) if each else parts.new_full((len(parts),), torch.nan)


def auroc(logits: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Mean over labels of the area under the ROC curve of their logit. -> (K,)"""
    true = labels > 0
    both = (true.any(0) & ~true.all(0)).nonzero()[:, 0].tolist()
    parts = kept.double()
    each = [_area(logits[:, c].double(), true[:, c], parts) for c in both]
    return torch.stack(each).mean(0) if each else parts.new_full((len(parts),), torch.nan)


def average_precision(scores: Tensor, actual: Tensor, parts: Tensor) -> Tensor:
    """(N,), (N,), (K, N) -> (K,); equal scores share the precision of the last of them."""
    order = torch.argsort(scores, descending=True)
    falling, positive, chosen = -scores[order], actual[order].double(), parts[:, order]
    last = torch.searchsorted(falling, falling, right=True) - 1
    found = (chosen * positive).cumsum(1)[:, last]
    precision = found / chosen.cumsum(1)[:, last].clamp_min(1.0)
    return (precision * chosen * positive).sum(1) / (chosen * positive).sum(1)


def _counts(logits: Tensor, labels: Tensor, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hits, predictions and occurrences of every label, by part. -> 3 times (K, C)"""
    said, actual, parts = (logits > 0).double(), (labels > 0).double(), kept.double()
    return parts @ (said * actual), parts @ said, parts @ actual


def _area(scores: Tensor, actual: Tensor, parts: Tensor) -> Tensor:
    """Share of the pairs (true, false) in which the true one is higher, ties half. -> (K,)"""
    order = torch.argsort(scores)
    rising, positive, chosen = scores[order], actual[order].double(), parts[:, order]
    others = chosen * (1 - positive)
    below = torch.cat([others.new_zeros(len(others), 1), others.cumsum(1)], 1)
    first, last = (torch.searchsorted(rising, rising, right=end) for end in (False, True))
    lower = (below[:, first] + below[:, last]) / 2
    mine = chosen * positive
    return (lower * mine).sum(1) / (mine.sum(1) * others.sum(1))
