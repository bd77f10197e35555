"""How a modality is corrupted: which samples are touched, and what noise makes of their inputs.

Everything is drawn from (seed, kind, modality) alone, so that every row of a comparison sees the
same corrupted samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from equimodal.data.dataset import Modality
from equimodal.numerics.random import order_generator

_BY_COLUMN = ("vector", "sequence")
"""Kinds that were standardised column by column; others as a whole, so that their spread is 1."""


def drawn_order(having: Tensor, seed: int, kind: str, modality: str) -> Tensor:
    """The samples that have a modality, in the order in which they are touched. (N,) -> (n,)"""
    rows = having.nonzero()[:, 0]
    draw = order_generator(seed, f"robustness/{kind}/{modality}", 0)
    return rows[torch.randperm(len(rows), generator=draw)]


def touched(order: Tensor, level: float) -> Tensor:
    """The first samples of an order, as many as a level says. (n,) -> (k,)"""
    return order[: round(level * len(order))]


class Spread:
    """Means and standard deviations of the columns of vectors and sequences, over all blocks that
    it saw. A column that never varies stays as it is: no encoder ever read another value.
    """

    def __init__(self, modalities: Mapping[str, Modality]) -> None:
        self._kinds = {m: one.kind for m, one in modalities.items() if one.kind in _BY_COLUMN}
        self._sums: dict[str, Tensor] = {}

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that are to be seen."""
        return tuple(self._kinds)

    def add(self, modality: str, rows: Tensor) -> None:
        """Some samples, of those that have the modality. (n, D), (n, T, D + 1)"""
        wide = rows.double().flatten(0, -2)
        if self._kinds[modality] == "sequence":
            wide = wide[wide[:, -1] > 0, :-1]
        sums = torch.stack([torch.ones_like(wide), wide, wide.square()]).sum(1)
        self._sums[modality] = self._sums.get(modality, torch.zeros_like(sums)) + sums

    def of(self, modality: str) -> Tensor:
        """Mean and deviation of noise, (2, D), or (2, 1) of kinds standardised as a whole."""
        if modality not in self._sums:
            return torch.tensor([[0.0], [1.0]])
        count, total, squares = self._sums[modality]
        mean = total / count.clamp_min(1)
        variance = squares / count.clamp_min(1) - mean.square()
        return torch.stack([mean, variance.clamp_min(0).sqrt()]).float()


def noised(
    rows: Tensor, modality: Modality, spread: Tensor, levels: Sequence[float],
    draw: torch.Generator,
) -> list[Tensor]:  # fmt: skip
    r"""Samples whose signal fades into noise of the same spread: one tensor for each level.

    .. math:: x_a = (1 - a) x + a (\mu + \sigma \epsilon), \quad \epsilon \sim N(0, 1)

    with the same :math:`\epsilon` at every level. Steps that pad a sequence stay. Of a text the
    share a of its tokens become others, each of those of a level also at the next.

    Args:
        rows: (N, ...).
        modality: what they are.
        spread: :math:`\mu` and :math:`\sigma`, (2, D) of vectors and sequences, else (2, 1).
        levels: a, in [0, 1].
        draw: on the CPU.
    """
    if modality.kind == "text":
        return _replaced(rows, modality.vocabulary or 0, levels, draw)
    sequence = modality.kind == "sequence"
    signal = rows[..., :-1] if sequence else rows
    noise = torch.randn(signal.shape, generator=draw).to(signal)
    mean, deviation = spread.to(noise)
    noise = mean + deviation * noise
    mixed = [(1 - level) * signal + level * noise for level in levels]
    if not sequence:
        return mixed
    there = rows[..., -1:]
    return [torch.cat([torch.where(there > 0, one, signal), there], -1) for one in mixed]


def _replaced(
    tokens: Tensor, vocabulary: int, levels: Sequence[float], draw: torch.Generator
) -> list[Tensor]:
    """Tokens of which a share are drawn anew; 0 pads and stays. (N, T)"""
    place = torch.rand(tokens.shape, generator=draw).to(tokens.device)
    others = torch.randint(1, max(2, vocabulary), tokens.shape, generator=draw).to(tokens)
    return [torch.where((place < level) & (tokens > 0), others, tokens) for level in levels]
