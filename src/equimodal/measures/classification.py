"""What a run is judged by, from logits and labels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Share of samples whose highest logit is the label's. (N, C), (N,) -> [0, 1]"""
    return float((logits.argmax(dim=1) == labels).double().mean())


def macro_f1(logits: Tensor, labels: Tensor) -> float:
    """Mean over the classes that occur of 2 TP / (2 TP + FP + FN). (N, C), (N,) -> [0, 1]"""
    predicted, actual = logits.argmax(dim=1).numpy(), labels.numpy()
    scores = []
    for c in np.unique(actual):
        hits = np.sum((predicted == c) & (actual == c))
        scores.append(2 * hits / (np.sum(predicted == c) + np.sum(actual == c)))
    return float(np.mean(scores))


def mean_average_precision(logits: Tensor, labels: Tensor) -> float:
    """Mean over the classes that occur of the average precision of their softmax probability.

    (N, C), (N,) -> [0, 1]
    """
    from sklearn.metrics import average_precision_score

    probabilities, actual = logits.double().softmax(dim=1).numpy(), labels.numpy()
    scores = [average_precision_score(actual == c, probabilities[:, c]) for c in np.unique(actual)]
    return float(np.mean(scores))


def scores(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """All of them by name, as results.json holds them. (N, C), (N,) -> {name: [0, 1]}"""
    measures = (accuracy, macro_f1, mean_average_precision)
    return {measure.__name__: measure(logits, labels) for measure in measures}


def entropy(labels: Tensor) -> float:
    """Entropy of the classes' shares, in nats: the loss of one who knows only these. (N,)"""
    shares = torch.bincount(labels).double() / len(labels)
    return float(-torch.special.xlogy(shares, shares).sum())
