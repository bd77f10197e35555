"""Purity gap of Diagnosing & Re-learning: how much better an encoder's features of training samples
fall into the classes than those of unseen ones. Large: well learned or over-trained; small:
under-fitted or uninformative.

Wei, Li, Feng, Hu: diagnosing and re-learning for balanced multimodal learning. ECCV 2024;
https://arxiv.org/abs/2407.09705
"""

from __future__ import annotations

import torch
from torch import Tensor

from equimodal.numerics.purity import cluster_purity, feature_clusters, stratified_rows

MOST = 2000
"""Samples of a split that are clustered; both splits get equally many, as the gap would otherwise
measure their sizes too."""


def purity_gap(
    train: Tensor, train_labels: Tensor, unseen: Tensor, labels: Tensor
) -> dict[str, float] | None:
    """Purity of k-means clusters on both splits and their distance; None for collapsed features.

    (N, D), (N,), (n, D), (n,) -> ``{"train", "validation", "gap"}``, each in [0, 1]
    """
    size = min(len(train_labels), len(labels), MOST)
    own = _purity(train, train_labels, size)
    other = _purity(unseen, labels, size)
    if own is None or other is None:
        return None
    return {"train": own, "validation": other, "gap": abs(own - other)}


def _purity(features: Tensor, labels: Tensor, size: int) -> float | None:
    if size < len(labels):
        rows = stratified_rows(labels, size)
        features, labels = features[rows], labels[rows]
    clusters = feature_clusters(features, len(torch.unique(labels)))
    return None if clusters is None else cluster_purity(labels, clusters)
