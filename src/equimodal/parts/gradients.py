r"""Gradients by encoder: norm, share, and conflict between the fused and the modality's own loss.

.. math::
    \mathrm{share}_m = \frac{\|g^m\|}{\sum_k \|g^k\|}, \qquad
    \mathrm{conflict}_m = \cos\left(g_\mathrm{fused}, g_\mathrm{own}^m\right)

A negative cosine is a conflict: a step that lowers the fused loss raises the modality's own one.

Conflict as the cosine of gradients: Yu et al.: gradient surgery for multi-task learning. NeurIPS
2020; between fused and unimodal losses: Wei, Hu: MMPareto. ICML 2024;
https://arxiv.org/abs/2405.17730
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.sharding import is_sharded, local, own_rows


class Room:
    """Long vectors, kept on the CPU: there the system takes longer to find so much memory anew than
    it takes to fill it. Other devices keep what is freed by themselves."""

    def __init__(self) -> None:
        self._kept = torch.empty(0)

    def vectors(
        self, count: int, length: int, *, dtype: torch.dtype, device: torch.device
    ) -> list[Tensor]:
        """So many vectors of any values, which the next call overwrites. -> [(length,)]"""
        if device.type != "cpu":
            return list(torch.empty(count, length, dtype=dtype, device=device))
        if self._kept.dtype != dtype or len(self._kept) < count * length:
            self._kept = torch.empty(count * length, dtype=dtype)
        return list(self._kept[: count * length].view(count, length))


def gradient_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Euclidean norm of all gradients together, over all shards; 0 for none. -> ()"""
    if not gradients:
        return torch.zeros(())
    norms = torch._foreach_norm(dense_values([local(g) for g in gradients]))
    total: Tensor = torch.linalg.vector_norm(torch.stack([n.float() for n in norms]))
    if any(is_sharded(g) for g in gradients):
        total = sum_over_ranks(total.square()).sqrt()
    return total


def dense_values(gradients: Sequence[Tensor]) -> list[Tensor]:
    """The gradients without graph; of sparse ones, as of an embedding, the values in them."""
    return [g.detach().coalesce().values() if g.is_sparse else g.detach() for g in gradients]


def encoder_norms(parameters: Mapping[str, Mapping[str, Parameter]]) -> Tensor:
    """Norm of the current gradient of each modality's encoder. {m: {name: parameter}} -> (M,)"""
    each = [
        gradient_norm([p.grad.detach() for p in own.values() if p.grad is not None])
        for own in parameters.values()
    ]
    device = max(each, key=lambda n: n.device.type != "cpu").device
    return torch.stack([n.to(device) for n in each])


def gradient_shares(norms: Tensor) -> Tensor:
    """Each norm over their sum; NaN where all are 0. (M,) -> (M,), sums to 1"""
    return norms / norms.sum()


def flat(
    gradients: Sequence[Tensor | None], *, like: Sequence[Tensor], out: Tensor | None = None
) -> Tensor:
    """Gradients of several parameters as one vector, zeros where there is none; in ``out``, which
    is of their length and type, where it is given. -> (P,)"""
    given = [
        torch.zeros_like(p).flatten() if g is None else g.detach().flatten()
        for g, p in zip(gradients, like, strict=True)
    ]
    return torch.cat(given, out=out) if given else torch.zeros(0)


def scale_of(gradients: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """The factor by which gradients are a reference, and what of them is not. (P,), (P,) -> (), ()

    The residual is a share of their length; 1 and 0 where both are zero.
    """
    squares = reference @ reference
    factor = torch.where(squares > 0, gradients @ reference / squares, 1.0)
    length = torch.linalg.vector_norm(gradients)
    rest = torch.linalg.vector_norm(gradients - factor * reference)
    return factor, torch.where(length > 0, rest / length, (squares > 0).to(length))


def conflict(fused: Sequence[Tensor], own: Sequence[Tensor]) -> Tensor:
    """Cosine of two gradients of the same parameters, in [-1, 1]; NaN where one is 0. -> ()"""
    one = torch.cat([g.flatten().float() for g in fused])
    other = torch.cat([g.flatten().float() for g in own])
    norms = torch.linalg.vector_norm(one) * torch.linalg.vector_norm(other)
    cosine: Tensor = torch.dot(one, other) / norms
    return cosine


def spreads(gradients: Sequence[Tensor]) -> Tensor:
    """Unbiased standard deviation of each of K gradients over its elements, over all shards too.

    Not a number for one of a single element, and for one that is not finite. [(...)] -> (K,)
    """
    if not gradients:
        return torch.zeros(0)
    found = [_sharded_spread(g) if is_sharded(g) else _spread(g) for g in gradients]
    return torch.stack([s.to(found[0].device) for s in found])


def _spread(gradient: Tensor) -> Tensor:
    wide = gradient.float() if gradient.dtype.itemsize < 4 else gradient
    return torch.std(wide) if wide.numel() > 1 else wide.new_full((), torch.nan)


def _sharded_spread(gradient: Tensor) -> Tensor:
    mine, count = local(gradient).double(), gradient.numel()
    total, squares = sum_over_ranks(torch.stack([mine.sum(), mine.square().sum()]))
    varied = (squares - total.square() / count).clamp_min(0) / max(count - 1, 1)
    spread: Tensor = varied.sqrt()
    return spread if count > 1 else spread.new_full((), torch.nan)


def add_noise(
    gradients: Sequence[Tensor], sizes: Tensor, generator: torch.Generator, room: Room
) -> None:
    """Add Gaussian noise of a standard deviation each, in place: the same on all ranks. None where
    it is no finite number. [(...)] of K, (K,)

    It is drawn on the gradients' device for whole tensors, of which a shard takes its own rows.
    """
    if not gradients:
        return
    counts = [g.numel() for g in gradients]
    device = local(gradients[0]).device
    own = torch.Generator(device).manual_seed(generator.initial_seed())
    (long,) = room.vectors(1, sum(counts), dtype=torch.get_default_dtype(), device=device)
    drawn = torch.split(long.normal_(generator=own), counts)
    finite = sizes.nan_to_num(nan=0.0, posinf=0.0).to(device).unbind()
    for gradient, noise, size in zip(gradients, drawn, finite, strict=True):
        mine = local(gradient)
        rows = own_rows(gradient, noise.view(gradient.shape))
        mine.add_(rows.mul_(size).to(mine))
