import math

import pytest
import torch

from equimodal import BalanceError
from equimodal.numerics.purity import cluster_purity, feature_clusters, stratified_rows


def labels(*values):
    return torch.tensor(values)


def test_clusters_of_one_label_each_are_pure():
    assert cluster_purity(labels(0, 0, 1, 1, 2), labels(5, 5, 0, 0, 9)) == 1


def test_purity_is_the_share_of_the_majority_label_of_each_cluster():
    assert cluster_purity(labels(0, 0, 1, 1, 1, 2), labels(0, 0, 0, 1, 1, 1)) == pytest.approx(
        4 / 6
    )
    assert cluster_purity(labels(0, 1, 2, 3), labels(0, 0, 0, 0)) == 0.25
    assert cluster_purity(labels(3), labels(7)) == 1


def test_labels_may_have_gaps_and_be_negative():
    few, gaps = labels(0, 1, 1, 2), labels(-5, 100, 100, 7)
    clusters = labels(0, 0, 1, 1)
    assert cluster_purity(few, clusters) == cluster_purity(gaps, clusters * 50 + 3) == 0.5


@pytest.mark.parametrize("clusters", [labels(0), labels()])
def test_purity_of_nothing_or_of_other_lengths_is_refused(clusters):
    with pytest.raises(BalanceError, match="one cluster for each of at least one label"):
        cluster_purity(torch.zeros(0 if not len(clusters) else 2), clusters)


def test_separable_features_fall_into_their_classes():
    truth = torch.arange(60) % 3
    features = torch.nn.functional.one_hot(truth).float() + 0.01 * torch.randn(60, 3)
    clusters = feature_clusters(features, 3)
    assert cluster_purity(truth, clusters) == 1
    # Scaling a dimension changes nothing: every one is brought to [-1, 1].
    scaled = feature_clusters(features * torch.tensor([1.0, 1e6, 1e-6]), 3)
    assert torch.equal(scaled, clusters)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_features_that_collapsed_or_are_not_finite_have_no_clusters(value):
    features = torch.zeros(20, 4)
    features[3:, 1] = value
    assert feature_clusters(features, 3) is None


def test_rows_are_drawn_of_every_class_by_its_share():
    # Sorted labels, so that the first rows would be of one class only.
    truth = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    rows = stratified_rows(truth, 10)
    assert torch.bincount(truth[rows]).tolist() == [6, 3, 1]
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert torch.equal(rows, stratified_rows(truth, 10))
    assert rows[:6].tolist() != list(range(6))
    assert torch.equal(stratified_rows(truth, 100), torch.arange(100))
