"""The scores under the discrepancy ratio of OGM-GE, which `numerics.scores` computes.

Peng, Wei, Deng, Wang, Hu: balanced multimodal learning via on-the-fly gradient modulation. CVPR
2022; https://arxiv.org/abs/2203.15332
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from equimodal.measures.goodness import likelihood


def mean_scores(unimodal_logits: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Mean probability of the truth of each modality. {m: (N, C)}, (N, ...) -> (M,)"""
    return torch.stack([likelihood(z, labels).mean() for z in unimodal_logits.values()])
