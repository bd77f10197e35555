"""The game of :class:`~equimodal.methods.mcr.MCR`: what each modality descends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equimodal.numerics.mixing import log_middle

Fuse = Callable[[Mapping[str, Tensor]], Tensor]
"""Fused logits of what every modality brings: {m: (N, ...)} -> (N, C)."""


@dataclass(frozen=True)
class Draw:
    """A permutation of the batch, and which rows count in it; None: all."""

    rows: Tensor
    counted: Tensor | None = None


def jensen_shannon(one: Tensor, other: Tensor) -> Tensor:
    """Divergence of two predictions in nats, in [0, ln 2]. (N, C), (N, C) -> (N,)

    Raises:
        BalanceError: logits that are not of the same samples and classes.
    """
    logp, logq, middle = log_middle(one, other)
    return ((logp.exp() * (logp - middle)) + (logq.exp() * (logq - middle))).sum(1) / 2


def player(
    brought: Mapping[str, Tensor],
    fuse: Fuse,
    draws: Sequence[Draw],
    k: int,
    name: str,
    *,
    released: bool = False,
) -> Tensor:
    """What one modality descends: minus its own effect, and minus k times the mean of the others',
    with all that the others bring held fixed. {m: (N, ...)}, E draws -> ()

    Args:
        brought: by every modality.
        fuse: makes logits of it.
        draws: permutations.
        k: strategy.
        name: of the modality.
        released: as the released code forms it: the prediction that is not permuted keeps its whole
            graph; with k = 1 it alone does, and every modality has its own effect.
    """
    together = released and k == 1
    held = {m: x if m == name and not together else x.detach() for m, x in brought.items()}
    plain = fuse(brought if released else held)
    goal = plain.new_zeros(())
    for m in held:
        weight = 1.0 if m == name else 0.0 if together else k / (len(held) - 1)
        if weight:
            effects = [_effect(plain, fuse({**held, m: held[m][d.rows]}), d) for d in draws]
            goal = goal - weight * torch.stack(effects).mean()
    return goal


def sum_of_players(
    brought: Mapping[str, Tensor],
    fuse: Fuse,
    draws: Sequence[Draw],
    k: int,
    *,
    released: bool = False,
) -> Tensor:
    """What all modalities descend, each by itself. -> ()"""
    each = [player(brought, fuse, draws, k, m, released=released) for m in brought]
    return torch.stack(each).sum()


def _effect(plain: Tensor, permuted: Tensor, draw: Draw) -> Tensor:
    """Mean divergence over the rows that count; 0 without any. -> ()"""
    found = jensen_shannon(plain, permuted)
    if draw.counted is None:
        return found.mean()
    return (found * draw.counted).sum() / draw.counted.sum().clamp_min(1)
