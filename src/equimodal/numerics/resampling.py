"""How sure a mean is: bootstrap over seeds and, within each, over samples or groups of them.

Efron: bootstrap methods: another look at the jackknife. 1979. With two levels: Davison, Hinkley:
bootstrap methods and their application. 1997, section 3.8. With one seed the interval speaks of
this one training; with several the noise of samples is counted on both levels, so that the interval
is on the wide side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from equimodal.numerics.intervals import CONFIDENCE

DRAWS = 1000
_CELLS = 4_000_000
"""Sample numbers held at a time: 32 MB."""


class Resampled:
    """Means of the columns of one table a seed, and of its resamplings.

    Args:
        tables: for each seed columns of equal length by name; the names are those of the first.
        groups: for each seed the group of every sample (N,), which are drawn as wholes; None where
            every sample stands by itself.
        draws: resamplings.
        seed: of the draws.
    """

    def __init__(
        self,
        tables: Sequence[Mapping[str, Tensor]],
        *,
        groups: Sequence[Tensor | None] | None = None,
        draws: int = DRAWS,
        seed: int = 0,
    ) -> None:
        self.names = {name: i for i, name in enumerate(tables[0])}
        stacked = [torch.stack([t[name].double() for name in self.names], 1) for t in tables]
        self.means = torch.stack([table.mean(0) for table in stacked]).mean(0)
        self.draws = resampled_means(stacked, groups=groups, draws=draws, seed=seed)

    def mean(self, name: str) -> float:
        """The mean over samples and seeds."""
        return float(self.means[self.names[name]])

    def column(self, name: str) -> Tensor:
        """The mean in every resampling. -> (draws,)"""
        return self.draws[:, self.names[name]]

    def estimate(self, name: str, minus: str | None = None) -> dict[str, float]:
        """Mean of a column, or of its difference to another one, with its 95 % interval."""
        value, draws = self.mean(name), self.column(name)
        if minus is not None:
            value, draws = value - self.mean(minus), draws - self.column(minus)
        return estimate(value, draws)

    def __contains__(self, name: str) -> bool:
        return name in self.names


def estimate(value: float, draws: Tensor) -> dict[str, float]:
    """A value with the percentile interval of its resamplings. (draws,)"""
    ends = torch.tensor([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], dtype=draws.dtype)
    low, high = torch.quantile(draws, ends).tolist()
    return {"value": value, "low": low, "high": high}


def resampled_means(
    tables: Sequence[Tensor],
    *,
    groups: Sequence[Tensor | None] | None = None,
    draws: int,
    seed: int,
) -> Tensor:
    """Column means of seeds drawn with replacement, and in each its samples drawn so.

    Samples of one group are drawn together. S tables (N_s, K), and of each None or the samples'
    groups (N_s,) -> (draws, K), the mean over S drawn tables.
    """
    draw = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(tables), (draws, len(tables)), generator=draw)
    total = torch.zeros(draws, tables[0].shape[1], dtype=torch.float64)
    for number, table in enumerate(tables):
        sums, sizes = group_sums(table, groups[number] if groups else None)
        rows = (chosen == number).nonzero()[:, 0]
        for part in torch.split(rows, max(1, _CELLS // len(sums))):
            total.index_add_(0, part, _means(sums, sizes, len(part), draw))
    return total / len(tables)


def group_sums(table: Tensor, groups: Tensor | None) -> tuple[Tensor, Tensor]:
    """Column sums and sizes of G groups: (N, K), (N,) -> (G, K), (G,).

    Without groups, and of a single one, which could not be resampled, every row is its own.
    """
    if groups is not None:
        names, inverse = np.unique(groups.numpy(), return_inverse=True)
        if len(names) > 1:
            place = torch.from_numpy(inverse)
            sums = torch.zeros(len(names), table.shape[1], dtype=table.dtype)
            return sums.index_add_(0, place, table), torch.bincount(place).to(table.dtype)
    return table, torch.ones(len(table), dtype=table.dtype)


def _means(sums: Tensor, sizes: Tensor, draws: int, generator: torch.Generator) -> Tensor:
    """Column means of resampled groups. (G, K), (G,) -> (draws, K)"""
    count = len(sums)
    picked = torch.randint(count, (draws, count), generator=generator)
    picked += count * torch.arange(draws)[:, None]
    counts = torch.bincount(picked.flatten(), minlength=draws * count).view(draws, count).double()
    return counts @ sums / (counts @ sizes)[:, None]
