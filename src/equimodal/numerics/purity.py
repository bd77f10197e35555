"""How purely the clusters of features hold one class each."""

import warnings

import torch
from torch import Tensor

from equimodal.checks import require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.explained import cluster_explained
from equimodal.numerics.single_thread import single_thread


def cluster_purity(labels: Tensor, clusters: Tensor) -> float:
    """Share of samples in the majority class of their cluster. (N,), (N,) -> (0, 1]

    Labels and clusters are any integers, with gaps or without.

    Raises:
        BalanceError: no samples, or different numbers of labels and clusters.
    """
    require_tensor("labels", labels, axes="N")
    require_tensor("clusters", clusters, axes="N")
    if not len(labels) or labels.shape != clusters.shape:
        raise BalanceError(
            "cluster_purity needs one cluster for each of at least one label; found "
            f"{tuple(labels.shape)} labels and {tuple(clusters.shape)} clusters."
        )
    label = torch.unique(labels, return_inverse=True)[1]
    cluster = torch.unique(clusters, return_inverse=True)[1]
    classes = int(label.max()) + 1
    table = torch.bincount(cluster * classes + label, minlength=classes * (int(cluster.max()) + 1))
    return int(table.view(-1, classes).amax(1).sum()) / len(labels)


def feature_clusters(features: Tensor, count: int, seed: int = 0) -> Tensor | None:
    """k-means clusters of features scaled to [-1, 1]. (N, D) -> (N,)

    None where the features collapsed to fewer points than clusters, or are not finite.
    scikit-learn's KMeans with 10 starts on one thread, so that the result does not depend on the
    machine's cores.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    low, high = features.amin(0), features.amax(0)
    scaled = 2 * (features - low) / (high - low).clamp_min(1e-12) - 1
    if not scaled.isfinite().all():
        return None
    with single_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        means = KMeans(min(count, len(features)), n_init=10, random_state=seed)
        clusters = means.fit_predict(scaled.float().numpy())
    if any(issubclass(w.category, ConvergenceWarning) for w in caught):
        return None
    return torch.from_numpy(clusters).long()


def class_purity(features: Tensor, labels: Tensor, most: int) -> float | None:
    """Purity of as many clusters as there are classes; None where the features collapsed.

    Of all samples, or of ``most`` of them, each class by its share. (N, D), (N,) -> (0, 1]
    """
    if most < len(labels):
        rows = stratified_rows(labels, most)
        features, labels = features[rows], labels[rows]
    clusters = feature_clusters(features, len(torch.unique(labels)))
    return None if clusters is None else cluster_purity(labels, clusters)


def explained_purity(
    features: Tensor, values: Tensor, *, clusters: int | None = None, most: int
) -> float | None:
    """Share of the variance of values that clusters of features explain.

    As many clusters as columns where no number is given, at least two. None where the features
    collapsed. Of all samples, or of ``most`` of them. (N, D), (N, V) -> [0, 1]
    """
    require_tensor("The target that loaders give", values, axes="N,D")
    clusters = max(2, values.shape[1]) if clusters is None else clusters
    if most < len(values):
        order = torch.randperm(len(values), generator=torch.Generator().manual_seed(0))
        rows = order[:most].sort().values
        features, values = features[rows], values[rows]
    found = feature_clusters(features, clusters)
    return None if found is None else cluster_explained(values, found)


def stratified_rows(labels: Tensor, size: int) -> Tensor:
    """``size`` rows, each class by its share, drawn with a fixed seed. (N,) -> (size,)"""
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(labels), generator=generator)
    rank = torch.empty(len(labels))
    for label in torch.unique(labels):
        rows = order[labels[order] == label]
        rank[rows] = (torch.arange(len(rows)) + 0.5) / len(rows)
    return torch.argsort(rank, stable=True)[:size].sort().values
