"""Sampling units without replacement by arrival times, for many layers in one sort.

Unit j of probability p_j arrives at time t_j = e_j / p_j with e_j ~ Exp(1). The m units that
arrive first are exactly a successive sample without replacement (the law of
``torch.multinomial``), and 1 / (1 - exp(-p_j kappa)), kappa the (m+1)-th arrival, is the bottom-k
weight (Cohen and Kaplan, PODC 2007) under which E[mask] = 1 for every unit. Layers are rows of one
padded matrix, so that the number of tensor operations does not grow with the number of layers.
"""

import torch
from torch import Tensor

from equimodal.checks import require, require_number, require_tensor


def unit_probabilities(
    importance: Tensor,
    sizes: Tensor,
    smoothing: float,
    *,
    totals: Tensor | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Probabilities of drawing each unit, mixed with the uniform ones.

    p = (1 - smoothing) F / sum F + smoothing / n; uniform where all importances are zero or one is
    not finite. Padding stays zero. (L, W), (L,) -> (L, W)

    ``totals``, (L,), and ``valid``, (L, W), false in the padding, save a step that has them from
    computing them again.
    """
    total = (importance.sum(1) if totals is None else totals)[:, None]
    width = sizes[:, None].to(total)
    if valid is None:
        valid = torch.arange(importance.shape[1], device=importance.device) < width
    usable = (total > torch.finfo(total.dtype).tiny) & (total < torch.inf)
    share = torch.where(usable, importance / total, 1.0 / width)
    return torch.where(valid, share.mul(1 - smoothing) + smoothing / width, 0.0)


def drawn_counts(sizes: Tensor, fractions: Tensor, minimum: int = 1) -> Tensor:
    """Units to draw, ceil(n r): at least ``minimum``, at most n. (L,), (L,) -> (L,) int64

    The 1e-6 and the rounding of a float32 fraction are taken off: ceil(10 * 0.1) is 1.
    """
    wanted = sizes * fractions
    counts = torch.ceil(wanted - wanted * 2**-22 - 1e-6).long()
    return torch.minimum(counts.clamp_min(minimum), sizes)


def arrival_masks(
    probabilities: Tensor, counts: Tensor, exponentials: Tensor, *, unbiased: bool
) -> Tensor:
    """Masks of the ``counts`` units that arrive first in each row: 1 or the bottom-k weight.

    Args:
        probabilities: (L, W) of drawing; 0 in the padding.
        counts: (L,) int64 units to draw.
        exponentials: (L, W) draws of Exp(1).
        unbiased: weight the drawn units so that E[mask] = 1.

    Returns:
        (L, W): 0 for a unit that is not drawn.
    """
    # Units are taken by their place in the order, not by their time: two can arrive at once.
    ordered, units = (exponentials / probabilities).sort(dim=1, stable=True)
    first = torch.arange(ordered.shape[1], device=counts.device) < counts[:, None]
    drawn = torch.zeros_like(first).scatter_(1, units, first) & (probabilities > 0)
    if not unbiased:
        return drawn.to(probabilities.dtype)
    last = ordered.shape[1] - 1
    kappa = ordered.gather(1, counts.clamp_max(last)[:, None])
    kappa = torch.where(counts[:, None] > last, torch.inf, kappa)
    weight = -1 / torch.expm1(-probabilities * kappa)
    return torch.where(drawn, weight, 0.0)


def inclusion_probabilities(probabilities: Tensor, count: int) -> Tensor:
    """Large-n approximation of the chance that each unit is among ``count`` drawn ones.

    pi_j = 1 - exp(-lambda p_j) with lambda such that sum pi = count, found by bisection. The error
    is .024 at n = 5; the masks use the exact bottom-k weight instead. (units,) -> (units,)

    Raises:
        BalanceError: a probability is negative or not a number, or ``count`` is negative.
    """
    require_tensor("probabilities", probabilities, axes="units", floating=True)
    require_number("count", count, low=0)
    sound = bool(((probabilities >= 0) & probabilities.isfinite()).all())
    require(sound, "probabilities must be finite and not negative", "some that are not")
    if count >= probabilities.numel():
        return torch.ones_like(probabilities)
    p = probabilities.double()
    low, high = torch.zeros((), dtype=p.dtype), torch.ones((), dtype=p.dtype)
    while (-torch.expm1(-high * p)).sum() < count and high < 1e30:
        high = high * 2
    for _ in range(100):
        middle = (low + high) / 2
        enough = (-torch.expm1(-middle * p)).sum() >= count
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return (-torch.expm1(-high * p)).to(probabilities.dtype)
