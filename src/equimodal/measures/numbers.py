"""Scores of numbers, of many parts of the same samples at once.

Predictions (N, D), numbers (N, D) and masks (K, N) of what is kept give values (K,): means over the
D numbers. A number that is the same in all kept samples has no R2 and no correlation, NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-12
"""Least share of its mean square that a variance is not rounding."""


def absolute_error(predicted: Tensor, numbers: Tensor) -> Tensor:
    """Mean absolute error of each sample. (N, D), (N, D) -> (N,)"""
    return (predicted.double() - numbers.double()).abs().mean(1)


def root_mean_square_error(predicted: Tensor, numbers: Tensor, kept: Tensor) -> Tensor:
    """Root of the mean squared error of each number, their mean. -> (K,)"""
    return _mean((predicted.double() - numbers.double()).square(), kept).sqrt().mean(1)


def explained_variance(predicted: Tensor, numbers: Tensor, kept: Tensor) -> Tensor:
    r""":math:`R^2`, 1 - MSE / variance of each number, their mean; below 0 the mean is better."""
    error = _mean((predicted.double() - numbers.double()).square(), kept)
    return (1 - error / _variance(numbers, kept)).mean(1)


def pearson(predicted: Tensor, numbers: Tensor, kept: Tensor) -> Tensor:
    """Correlation of predictions with each number, their mean; 0 of equal predictions. -> (K,)"""
    x, y = (v.double() - v.double().mean(0) for v in (predicted, numbers))
    both = _mean(x * y, kept) - _mean(x, kept) * _mean(y, kept)
    spread, own = _variance(predicted, kept), _variance(numbers, kept)
    found = both / (spread.nan_to_num(1.0) * own).sqrt()
    return torch.where(spread.isnan() & ~own.isnan(), 0.0, found).mean(1)


def _mean(values: Tensor, kept: Tensor) -> Tensor:
    """(N, D), (K, N) -> (K, D)"""
    parts = kept.double()
    return parts @ values / parts.sum(1, keepdim=True)


def _variance(values: Tensor, kept: Tensor) -> Tensor:
    """Of the kept samples, NaN where they are all the same. -> (K, D)"""
    centred = values.double() - values.double().mean(0)
    square = _mean(centred.square(), kept)
    spread = square - _mean(centred, kept).square()
    floor = _LEAST * torch.maximum(square, values.double().square().mean(0))
    return torch.where(spread > floor, spread, torch.nan)
