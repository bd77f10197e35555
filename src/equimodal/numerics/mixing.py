"""Predictions of several modalities made one, sample by sample."""

import torch
from torch import Tensor

from equimodal.checks import require_tensor
from equimodal.numerics.scores import widened


def confidence_weights(logits: Tensor) -> Tensor:
    """Weights that fall with the entropy of each modality's prediction, in nats: their softmax
    over the modalities. (M, N, ..., C) -> (M, N, ...), in [0, 1]

    Raises:
        BalanceError: logits are no floating-point tensor of three axes or more.
    """
    require_tensor("logits", logits, axes="M,N,C,...", floating=True)
    entropy: Tensor = torch.special.entr(widened(logits).softmax(-1)).sum(-1)
    return (-entropy).softmax(0)


def weighted_sum(logits: Tensor, weights: Tensor) -> Tensor:
    """Logits of every modality, weighted and summed. (M, N, ..., C), (M, N, ...) -> (N, ..., C)"""
    found: Tensor = (weights.unsqueeze(-1) * widened(logits)).sum(0)
    return found.to(logits.dtype)
