r"""Overfitting-to-generalisation ratio: how much of what a modality learned is its training set.

.. math::
    \mathrm{OGR} = \left|\frac{O_N - O_n}{L^*_n - L^*_N}\right|, \qquad O = L^* - L

from checkpoint n to N; :math:`L` is the training loss and :math:`L^*` the validation loss. 0 learns
what holds elsewhere; infinite where the validation loss did not fall.

Wang, Tran, Feiszli: what makes training multi-modal classification networks hard? CVPR 2020;
https://arxiv.org/abs/1905.12681
"""

from __future__ import annotations

import math


def overfitting_to_generalisation(before: tuple[float, float], after: tuple[float, float]) -> float:
    """The ratio from (training loss, validation loss) before and after, in [0, inf]."""
    overfitting = (after[1] - after[0]) - (before[1] - before[0])
    generalisation = before[1] - after[1]
    if generalisation <= 0:
        return math.inf
    return abs(overfitting / generalisation)
