r"""How sure a difference is: the one interval of tables, pages, verdicts and choices.

Let :math:`d_{si}` be row minus reference on sample i of seed s, or the row itself. With

.. math::
    m_s = \frac{1}{N_s} \sum_i d_{si}, \quad m = \frac{1}{n} \sum_s m_s, \quad
    e_{sg} = \sum_{i \in g} (d_{si} - m_s), \quad
    C = \frac{G}{G - 1} \cdot \operatorname*{mean}_{s \neq s'} \sum_{g}
        \frac{e_{sg} e_{s'g}}{N_s N_{s'}}

over the n seeds, their G units in all (samples, or the sources that samples come from) and the
units that both of a pair of seeds have, the half width h of the 95 % interval around m is

.. math:: h^2 = t^2_{n-1} \frac{\operatorname{var}(m_s)}{n} + t^2_{G-1} \max(C, 0).

The first term is the paired t over seeds, which no interval is narrower than. It holds the noise of
samples that are drawn anew for every seed; what the seeds share of it is C, nothing where their
samples are others. One seed has the second term alone, with C its own squares: it speaks of this
training alone. The rule is ours; `benchmarks/interval_coverage.py` measures how often the interval
holds the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from equimodal.numerics.enough import ENOUGH_GROUPS

CONFIDENCE = 0.95
HALF = (1 + CONFIDENCE) / 2
"""The level of a half width."""
_BISECTIONS = 50


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and samples, and what its interval rests on.

    ``between`` and ``shared`` are the squared standard errors of seeds, and of the units that seeds
    share; ``differing`` counts units whose samples are not all 0. Without two units there is no
    interval.
    """

    mean: float
    between: float
    shared: float
    seeds: int
    samples: int
    units: int
    differing: int

    @property
    def half(self) -> float | None:
        """Half the width of the 95 % interval; None where there is none."""
        return self._reach(HALF) if self.units > 1 else None

    def above(self, threshold: float) -> float:
        """Probability that the true mean lies above a threshold, in [0, 1].

        The level at which the one-sided interval just reaches it; one half without an interval.
        """
        if self.units < 2:
            return 0.5
        distance = abs(self.mean - threshold)
        low, high = 0.5, 1.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._reach(middle) < distance else (low, middle)
        level = low if distance else 0.5
        return level if self.mean > threshold else 1 - level

    def plain(self) -> dict[str, Any]:
        """The interval as results.json holds it."""
        half = self.half
        return {
            "mean": self.mean,
            "low": None if half is None else self.mean - half,
            "high": None if half is None else self.mean + half,
            "n": self.seeds,
            "samples": self.samples,
            "units": self.units,
            "differing": self.differing,
        }

    def _reach(self, level: float) -> float:
        seeds = quantile(level, self.seeds - 1) if self.between else 0.0
        return sqrt(seeds**2 * self.between + quantile(level, self.units - 1) ** 2 * self.shared)


class Units:
    """The units that the samples of each seed belong to.

    Args:
        numbers: for each seed the number of every sample's unit, (N_s,); one number is one unit in
            whichever seed it occurs.
    """

    def __init__(self, numbers: Sequence[Tensor]) -> None:
        self.sizes = torch.tensor([len(own) for own in numbers])
        self._seed = torch.arange(len(numbers)).repeat_interleave(self.sizes)
        _, self._unit = torch.unique(torch.cat(list(numbers)), return_inverse=True)
        self.count = int(self._unit.max()) + 1

    def interval(self, values: Sequence[Tensor]) -> Interval:
        """The mean of a value of every sample, with its interval. n times (N_s,)"""
        every, n = torch.cat(list(values)).double(), len(self.sizes)
        means = torch.zeros(n, dtype=torch.float64).index_add_(0, self._seed, every) / self.sizes
        rest = (every - means[self._seed]) / self.sizes[self._seed]
        place = self._seed * self.count + self._unit
        sums = torch.zeros(n * self.count, dtype=torch.float64).index_add_(0, place, rest)
        return Interval(
            float(means.mean()),
            float(means.var()) / n if n > 1 else 0.0,
            _shared(sums.view(n, self.count)),
            n,
            len(every),
            self.count,
            int((torch.bincount(self._unit[every != 0], minlength=self.count) > 0).sum()),
        )


def _shared(sums: Tensor) -> float:
    """C, at least 0; of one seed its own squares. (n, G) -> float"""
    n, count = sums.shape
    if count < 2:
        return 0.0
    squares = (sums**2).sum()
    products = (sums.sum(0) ** 2).sum() - squares
    mean = float(products) / (n * (n - 1)) if n > 1 else float(squares)
    return max(0.0, count / (count - 1) * mean)


def split_units(
    labels: Sequence[Tensor], groups: Sequence[Tensor | None]
) -> tuple[list[Tensor], str]:
    """Numbers of the units of each seed's samples, and what they are: ``group`` or ``sample``.

    Groups are units from `ENOUGH_GROUPS` in every seed on. Otherwise samples are: sample i is the
    same one in all seeds whose labels are those of the first, and of its own seed in others.

    Args:
        labels: of each seed, (N_s,).
        groups: of each seed, (N_s,), by numbers that hold over seeds; None where not known.
    """
    known = [own for own in groups if own is not None]
    if len(known) == len(groups) and min(len(torch.unique(own)) for own in known) >= ENOUGH_GROUPS:
        return known, "group"
    numbers, start = [], 0
    seen: list[tuple[Tensor, Tensor]] = []
    for own in labels:
        found = next((found for other, found in seen if torch.equal(other, own)), None)
        if found is None:
            found = torch.arange(start, start + len(own))
            start += len(own)
            seen.append((own, found))
        numbers.append(found)
    return numbers, "sample"


@cache
def quantile(level: float, degrees: int) -> float:
    """Student's t of a level, such as 0.975."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, level))
