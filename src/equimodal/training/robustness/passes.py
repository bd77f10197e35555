"""A model on corrupted samples: only the touched encoder runs again, and only for noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equimodal.data.dataset import Modality
from equimodal.data.presence import PRESENT
from equimodal.measures.robustness import DROPPED, LEVELS, NOISED, SHUFFLED
from equimodal.models.fusion import FusionModel
from equimodal.numerics.random import order_generator
from equimodal.training.robustness.corruption import Spread, drawn_order, noised, touched


@dataclass(frozen=True)
class Stressed:
    """What a model predicts of the same samples under each corruption.

    ``predicted[kind][modality]`` holds logits (L, N, C) at ``levels`` (L,), of which the first is
    0, the clean samples; or classes (L, N), where nothing else of the logits is needed.
    """

    levels: tuple[float, ...]
    predicted: Mapping[str, Mapping[str, Tensor]]

    def each(self, change: Callable[[Tensor], Tensor]) -> Stressed:
        """The same with what a function makes of every prediction."""
        changed = {k: {m: change(z) for m, z in own.items()} for k, own in self.predicted.items()}
        return Stressed(self.levels, changed)


class Stress:
    """Gathers what a model predicts of corrupted samples, from their clean blocks.

    A sample that is dropped has the features that the model itself gives one that lacks the
    modality, one that is shuffled those of the next sample in a drawn order: neither takes an
    encoder. What is made of a sample does not depend on others, so that the samples that a level
    leaves alone keep their clean prediction.

    Args:
        network: in evaluation mode.
        modalities: what its inputs are.
        spread: of all samples.
        seed: of the draws.
        levels: rising from 0.
    """

    def __init__(
        self, network: FusionModel, modalities: Mapping[str, Modality], spread: Spread, *,
        seed: int, levels: Sequence[float] = LEVELS,
    ) -> None:  # fmt: skip
        self.network, self.spread, self.seed = network, spread, seed
        self.levels = tuple(levels)
        self.modalities = {m: modalities[m] for m in network.encoders}
        self._noised: dict[str, list[Tensor]] = {m: [] for m in self.modalities}
        self._features: list[dict[str, Tensor]] = []
        self._present: list[Tensor] = []

    @torch.inference_mode()
    def add(self, inputs: Mapping[str, Tensor], features: Mapping[str, Tensor]) -> None:
        """A block: {m: (n, ...)} with `PRESENT` where some lack a modality, and its clean
        features {m: (n, D_m)}."""
        block, count = len(self._features), len(next(iter(features.values())))
        present = inputs.get(PRESENT)
        if present is None:
            present = torch.ones(count, len(self.modalities), dtype=torch.bool)
        for k, (m, modality) in enumerate(self.modalities.items()):
            draw = order_generator(self.seed, f"robustness/{NOISED}/{m}", block)
            rows = noised(inputs[m], modality, self.spread.of(m), self.levels[1:], draw)
            there = present[:, k : k + 1].to(features[m].device)
            made = [torch.where(there, self.network.encoders[m](x), features[m]) for x in rows]
            logits = [self.network.fuse({**features, m: own}) for own in made]
            self._noised[m].append(torch.stack(logits).cpu())
        self._features.append(dict(features))
        self._present.append(present)

    @torch.inference_mode()
    def result(self, clean: Tensor) -> Stressed:
        """What was found; ``clean`` are the logits of all samples, (N, C) on the CPU."""
        present = torch.cat(self._present)
        found: dict[str, dict[str, Tensor]] = {DROPPED: {}, NOISED: {}, SHUFFLED: {}}
        for k, m in enumerate(self.modalities):
            every = torch.cat([features[m] for features in self._features])
            order = drawn_order(present[:, k], self.seed, SHUFFLED, m)
            others = every.clone()
            others[order.to(every.device)] = every[order.roll(-1).to(every.device)]
            found[SHUFFLED][m] = self._mixed(clean, self._fused(m, others), order)
            order = drawn_order(present[:, k], self.seed, DROPPED, m)
            gone = self._fused(m, self.network.without(m, every))
            found[DROPPED][m] = self._mixed(clean, gone, order)
            found[NOISED][m] = torch.cat([clean[None], torch.cat(self._noised[m], 1)])
        return Stressed(self.levels, found)

    def _fused(self, modality: str, rows: Tensor) -> Tensor:
        """Logits of all samples with other features of a modality, in the blocks that they came
        in. (N, D) -> (N, C)"""
        sizes = [len(features[modality]) for features in self._features]
        parts = zip(self._features, torch.split(rows, sizes), strict=True)
        return torch.cat([self.network.fuse({**one, modality: own}) for one, own in parts]).cpu()

    def _mixed(self, clean: Tensor, changed: Tensor, order: Tensor) -> Tensor:
        """At each level the samples that it touches changed. (N, C), (N, C), (n,) -> (L, N, C)"""
        found = clean.repeat(len(self.levels), 1, 1)
        for own, level in zip(found, self.levels, strict=True):
            rows = touched(order, level)
            own[rows] = changed[rows]
        return found
