"""Scores of many parts of the same samples at once, as deleting blocks of them takes it.

Each is the one of the same name in `classification`, over the classes that occur in all samples;
it has no value, NaN, for a part without a sample of one of them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equimodal.measures.multi_label import average_precision

Measure = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Logits (N, C), labels (N,) and masks (K, N) of what is kept. -> (K,)"""


def macro_f1(logits: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Mean over classes of 2 TP / (2 TP + FP + FN). (N, C), (N,), (K, N) -> (K,)"""
    classes = torch.unique(labels)
    actual = (labels[:, None] == classes).double()
    said = (logits.argmax(1)[:, None] == classes).double()
    parts = kept.double()
    truth = parts @ actual
    score = 2 * (parts @ (actual * said)) / (truth + parts @ said)
    return torch.where(truth > 0, score, torch.nan).mean(1)


def mean_average_precision(logits: Tensor, labels: Tensor, kept: Tensor) -> Tensor:
    """Mean over classes of the average precision of their softmax probability. -> (K,)"""
    probabilities, parts = logits.double().softmax(1), kept.double()
    each = [
        average_precision(probabilities[:, c], labels == c, parts) for c in torch.unique(labels)
    ]
    return torch.stack(each).mean(0)


SCORES: dict[str, Measure] = {
    "macro_f1": macro_f1,
    "mean_average_precision": mean_average_precision,
}
"""Scores of results.json that are no means over samples."""
