"""Predictions of several modalities made one, sample by sample."""

import math

import torch
from torch import Tensor

from equimodal.checks import require_number, require_tensor
from equimodal.errors import BalanceError
from equimodal.numerics.scores import widened


def log_middle(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logarithms of two predictions, and of their mean. (N, C), (N, C) -> (N, C) each

    Raises:
        BalanceError: logits that are not of the same samples and classes.
    """
    require_tensor("one", one, axes="N,C", floating=True)
    require_tensor("other", other, axes="N,C", floating=True)
    if one.shape != other.shape:
        raise BalanceError(
            "Both logits must be of the same samples and classes; found "
            f"{tuple(one.shape)} and {tuple(other.shape)}."
        )
    logp, logq = (widened(z).log_softmax(1) for z in (one, other))
    return logp, logq, torch.logaddexp(logp, logq) - math.log(2)


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


def certainty_mixture(logits: Tensor, temperature: float) -> Tensor:
    """Logits weighted by how sure each prediction is, row by row. (R, N, C) -> (N, C)

    Raises:
        BalanceError: logits are no floating-point tensor (R, N, C).
    """
    require_tensor("logits", logits, axes="R,N,C,...", floating=True)
    require_number("temperature", temperature, above=0)
    sure = widened(logits).softmax(-1).amax(-1)
    return weighted_sum(logits, (sure / temperature).softmax(0))
