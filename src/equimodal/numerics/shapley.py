"""Exact Shapley values of a game whose coalitions are whole numbers, bit m for player m."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def shapley_values(worth: Tensor) -> Tensor:
    """Exact values, which sum to ``worth[-1] - worth[0]``. (2^M, ...) -> (M, ...)

    Args:
        worth: of every coalition, in the order of their numbers: first the empty one, last all.
    """
    count = players(worth)
    values = []
    for m in range(count):
        without = [s for s in range(2**count) if not s >> m & 1]
        weights = [order_share(s.bit_count(), count) for s in without]
        gains = torch.stack([worth[s | 1 << m] - worth[s] for s in without])
        values.append(torch.tensordot(gains.new_tensor(weights), gains, dims=1))
    return torch.stack(values)


def order_share(others: int, count: int) -> float:
    """Share of all orders in which exactly these ``others`` come before one of ``count``."""
    return 1 / (count * math.comb(count - 1, others))


def players(worth: Tensor) -> int:
    """Modalities whose coalitions these are. Raises ValueError."""
    count = (len(worth) - 1).bit_length()
    if len(worth) != 2**count:
        raise ValueError(f"{len(worth)} is no number of coalitions")
    return count
