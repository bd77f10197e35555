r"""Expected calibration error: how far confidence is from accuracy.

.. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N} \left|\mathrm{acc}_b - \mathrm{conf}_b\right|

over bins of equal width of the confidence, the largest softmax probability.

Naeini, Cooper, Hauskrecht: obtaining well calibrated probabilities using Bayesian binning. AAAI
2015. Guo, Pleiss, Sun, Weinberger: on calibration of modern neural networks. ICML 2017;
https://arxiv.org/abs/1706.04599
"""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 15


def calibration_error(logits: Tensor, labels: Tensor, *, bins: int = BINS) -> float:
    """ECE over ``bins`` bins; a bin holds its upper end. (N, C), (N,) -> [0, 1]"""
    confidence, predicted = logits.double().softmax(1).max(1)
    right = (predicted == labels).double()
    number = ((confidence * bins).ceil().long() - 1).clamp(0, bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, number, right - confidence)
    return float(gaps.abs().sum() / len(labels))
