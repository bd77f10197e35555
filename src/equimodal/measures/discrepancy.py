r"""The discrepancy ratio of OGM-GE: how far each modality's own prediction is ahead of the others'.

.. math:: \rho_m = \frac{\sum_i s_i^m}{\frac{1}{M-1} \sum_{k \ne m} \sum_i s_i^k}

:math:`s_i^m` is the softmax probability of the true class in the modality's own logits. For two
modalities this is the paper's ratio; the mean over the others is ours.

Peng, Wei, Deng, Wang, Hu: balanced multimodal learning via on-the-fly gradient modulation. CVPR
2022; https://arxiv.org/abs/2203.15332
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from equimodal.numerics.scores import true_class_probability


def discrepancy_ratios(scores: Tensor) -> Tensor:
    """Ratio of each modality's mean score to the mean of the others', above 0. (M,) -> (M,)"""
    others = (scores.sum() - scores) / (len(scores) - 1)
    return scores / others


def mean_scores(unimodal_logits: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Mean true-class probability of each modality. {m: (N, C)}, (N,) -> (M,)"""
    own = [true_class_probability(z.double(), labels).mean() for z in unimodal_logits.values()]
    return torch.stack(own)
