r"""How a score falls while one modality fades: relative and effective robustness.

A row has the score :math:`f(a)` at the level :math:`a \in [0, 1]` of a corruption, 0 for none, and
joint the score :math:`g(a)` on the same samples. Over levels :math:`a_0 = 0 < ... < a_K`

.. math::
    \tau(f) = \frac{1}{a_K} \int_0^{a_K} f(a) \, da, \qquad
    \rho(f) = \frac{1}{a_K} \int_0^{a_K} f(a) - \beta_f(a) \, da, \qquad
    \beta_f(a) = g(a) + f(0) - g(0)

by the trapezoid rule: the relative robustness :math:`\tau` is the mean height of a row's own curve,
the effective one :math:`\rho` how far it lies above what a model of the same clean score loses, as
joint shows it. Liang et al.: MultiBench. NeurIPS Datasets and Benchmarks 2021, arXiv 2107.07502,
with late fusion for g; the second idea is of Taori et al.: Measuring robustness to natural
distribution shifts. NeurIPS 2020, arXiv 2007.00644.

What is ours: joint stands for late fusion, and both numbers are means over levels in the unit of
the score. The released code of MultiBench sums the levels for :math:`\rho`, and rescales either
number by the best and the worst method of its own table, so that it cannot be read alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DROPPED, NOISED, SHUFFLED = KINDS = ("dropped", "noised", "shuffled")
"""What happens to a modality."""
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much of it: the share of the samples that it happens to; of noise that of every sample."""


def relative_weights(levels: Sequence[float]) -> Tensor:
    """Of the score at each level in the relative robustness; they sum to 1. -> (L,)

    ``levels`` rise from 0, two or more.
    """
    places = torch.tensor(levels, dtype=torch.float64)
    halves = places.diff() / 2 / places[-1]
    none = halves.new_zeros(1)
    return torch.cat([halves, none]) + torch.cat([none, halves])


def effective_weights(levels: Sequence[float]) -> Tensor:
    """Of the score of the row minus that of joint, in the effective robustness; they sum to 0."""
    weights = relative_weights(levels)
    weights[0] -= 1
    return weights
