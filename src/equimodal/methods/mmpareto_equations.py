"""The equations of :class:`equimodal.methods.mmpareto.MMPareto`, of gradients as vectors."""

import torch
from torch import Tensor

from equimodal.checks import require, require_tensor


def pareto_weights(joint: Tensor, unimodal: Tensor) -> Tensor:
    r"""Weights a and 1 - a of two gradients. (P,), (P,) -> (2,), sums to 1

    Half each where they do not conflict, else those of the shortest convex combination,

    .. math:: a = \frac{|u|^2 - \langle g, u \rangle}{|g|^2 + |u|^2 - 2 \langle g, u \rangle}

    0.999 for a g that is zero, and 0.001 for a u that is, as released.

    Raises:
        BalanceError: no vectors of one length.
    """
    require_tensor("joint", joint, axes="P", floating=True)
    require_tensor("unimodal", unimodal, axes="P", floating=True)
    require(len(joint) == len(unimodal), "Both gradients must be of one length", len(unimodal))
    one, both, other = joint @ joint, joint @ unimodal, unimodal @ unimodal
    weight = (other - both) / (one + other - 2 * both)
    weight = torch.where(both >= other, 0.001, weight)
    weight = torch.where(both >= one, 0.999, weight)
    weight = torch.where(both > 0, 0.5, weight)
    return torch.stack([weight, 1 - weight])


def length_ratios(totals: Tensor, lengths: Tensor) -> Tensor:
    r"""Factors that restore the lengths of sums: max(|g + u| / |h|, 1); 0 for no direction.

    (K,) of g + u, (K,) of h -> (K,)
    """
    return torch.where(lengths > 0, (totals / lengths).clamp_min(1), 0.0)
