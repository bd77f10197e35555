"""Diagnosing & Re-learning in plain Python numbers and loops, from the formulas alone."""

import math

from sklearn.cluster import KMeans
from sklearn.preprocessing import MinMaxScaler


def purity(labels, clusters):
    """(1 / N) sum over clusters of its most frequent label."""
    total = 0
    for cluster in set(clusters):
        inside = [y for y, c in zip(labels, clusters, strict=True) if c == cluster]
        total += max(inside.count(y) for y in set(inside))
    return total / len(labels)


def purity_of_features(features, labels):
    """Purity of as many k-means clusters as classes, features scaled to [-1, 1] by dimension."""
    scaled = MinMaxScaler((-1, 1)).fit_transform(features)
    means = KMeans(len(set(labels)), n_init=10, random_state=0)
    return purity(labels, means.fit_predict(scaled).tolist())


def strength(train_purity, validation_purity, lam):
    return math.tanh(lam * abs(train_purity - validation_purity))


def moved(current, start, alpha):
    """(1 - alpha) current + alpha start, number by number."""
    return [(1 - alpha) * c + alpha * s for c, s in zip(current, start, strict=True)]


def due(epoch, every, times, done):
    """After the epoch of this 0-based index: a multiple of ``every`` above 0, ``times`` at most."""
    return epoch > 0 and epoch % every == 0 and done < times


def strengths(train, validation, lam):
    """alpha of every modality; features and labels of each, ``{m: (features, labels)}``."""
    return {
        m: strength(purity_of_features(*train[m]), purity_of_features(*validation[m]), lam)
        for m in train
    }
