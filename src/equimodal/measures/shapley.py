r"""Shapley values of modalities: what each adds to the prediction, over all coalitions.

.. math::
    \phi_m = \sum_{S \subseteq N \setminus m} \frac{|S|!\,(M-|S|-1)!}{M!}
        \left[v(S \cup m) - v(S)\right]

:math:`v(S)` is what the fused model scores with the modalities of :math:`S` and the mean features
of all others. The interaction of two modalities is their joint effect beyond both single ones,
averaged over what else is present: above 0 they need each other (synergy), below 0 each tells what
the other one tells already (redundancy).

Shapley: a value for n-person games. 1953. Grabisch, Roubens: an axiomatic approach to the concept
of interaction among players in cooperative games. 1999. Per sample and for modalities: Wei, Feng,
Wang, Hu: enhancing multimodal cooperation via sample-level modality valuation. CVPR 2024;
https://arxiv.org/abs/2309.06255

A coalition is a whole number whose bit m says whether modality m is in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equimodal.numerics.intervals import HALF, quantile
from equimodal.numerics.shapley import order_share, players

EXACT_UP_TO = 6
"""Modalities up to which every coalition is tried: 64 of them."""


def interactions(worth: Tensor) -> Tensor:
    """Shapley interaction of every pair, symmetric, 0 on the diagonal. (2^M, ...) -> (M, M, ...)"""
    count = players(worth)
    found = worth.new_zeros(count, count, *worth.shape[1:])
    for a in range(count):
        for b in range(a + 1, count):
            found[a, b] = found[b, a] = _interaction(worth, a, b, count)
    return found


def _interaction(worth: Tensor, a: int, b: int, count: int) -> Tensor:
    one, other = 1 << a, 1 << b
    without = [s for s in range(2**count) if not s & (one | other)]
    weights = [order_share(s.bit_count(), count - 1) for s in without]
    both = [worth[s | one | other] - worth[s | one] - worth[s | other] + worth[s] for s in without]
    found: Tensor = torch.tensordot(worth.new_tensor(weights), torch.stack(both), dims=1)
    return found


@dataclass(frozen=True)
class Sampled:
    """Values (M, ...) estimated from random orders, with the ends of their intervals."""

    values: Tensor
    low: Tensor
    high: Tensor


def sampled_shapley(
    worth: Callable[[int], Tensor], count: int, *, orders: int, seed: int
) -> Sampled:
    """Values from random orders of the modalities, each with its reverse. -> (M, ...)

    Within an order the gains add up to the total, and so do the values. The interval is Student's
    t over the pairs of orders, of each value by itself.

    Args:
        worth: of a coalition's number, ``(...)``; each is asked for once.
        count: modalities M.
        orders: pairs of an order and its reverse, at least 2.
        seed: of the orders.
    """
    known: dict[int, Tensor] = {}

    def remembered(coalition: int) -> Tensor:
        if coalition not in known:
            known[coalition] = worth(coalition)
        return known[coalition]

    draw = torch.Generator().manual_seed(seed)
    pairs = []
    for _ in range(orders):
        order = torch.randperm(count, generator=draw).tolist()
        pairs.append((_gains(remembered, order) + _gains(remembered, order[::-1])) / 2)
    rows = torch.stack(pairs)
    error = rows.std(0) / math.sqrt(orders)
    margin = quantile(HALF, orders - 1) * error
    return Sampled(rows.mean(0), rows.mean(0) - margin, rows.mean(0) + margin)


def _gains(worth: Callable[[int], Tensor], order: list[int]) -> Tensor:
    """What each modality adds to those before it in one order. -> (M, ...)"""
    gains: dict[int, Tensor] = {}
    present, before = 0, worth(0)
    for m in order:
        present |= 1 << m
        after = worth(present)
        gains[m] = after - before
        before = after
    return torch.stack([gains[m] for m in range(len(order))])
