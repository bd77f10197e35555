"""Measures that are no mean over samples, such as the macro F1, made into one over blocks.

With K blocks of whole units and a measure theta, the pseudo-value of block k is
``K theta - (K - 1) theta(without k)`` (Tukey 1958; Efron, Tibshirani: an introduction to the
bootstrap. 1993, section 11.5). Blocks take the place of samples and of units in the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from equimodal.errors import BalanceError

MOST_BLOCKS = 50

Measure = Callable[[Tensor], Tensor]
"""Values of the samples that masks keep, NaN where there is none. (K, N) -> (K,)"""


def blocks(units: Sequence[Tensor], labels: Sequence[Tensor]) -> list[Tensor]:
    """The block of every sample, at most `MOST_BLOCKS`, the same in every seed. n times (N_s,)

    Units stay whole, and those of every class, by their first sample, are dealt out in turn.
    """
    every, classes = torch.cat(list(units)), torch.cat(list(labels))
    _, places = torch.unique(every, return_inverse=True)
    count = int(places.max()) + 1
    first = torch.full((count,), len(every)).scatter_reduce(
        0, places, torch.arange(len(every)), "amin"
    )
    order = torch.argsort(classes[first], stable=True)
    dealt = torch.empty(count, dtype=torch.long)
    dealt[order] = torch.arange(count) % min(count, MOST_BLOCKS)
    return list(torch.split(dealt[places], [len(own) for own in units]))


def pseudo_values(name: str, measure: Measure, own: Tensor) -> tuple[Tensor, Tensor]:
    """Pseudo-values of the blocks that occur in ``own`` (N,), and their numbers. -> (K,), (K,)

    Raises:
        BalanceError: the measure has no value once a block is deleted.
    """
    numbers = torch.unique(own)
    k = len(numbers)
    kept = torch.cat([torch.ones(1, len(own), dtype=torch.bool), own != numbers[:, None]])
    values = measure(kept).double()
    if k < 2 or not bool(values.isfinite().all()):
        raise BalanceError(
            f"{name} has no value once a part of its samples is deleted, so that no interval can "
            "be given; it takes two units or more, and samples of every class in several."
        )
    return k * values[0] - (k - 1) * values[1:], numbers
