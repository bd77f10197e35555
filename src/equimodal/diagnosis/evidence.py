"""What a diagnosis is made of: the models of each seed, judged on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from equimodal.comparison.ensemble import mean_log_probability
from equimodal.comparison.rows import ENSEMBLE, alone_row


@dataclass(frozen=True)
class Judged:
    """One model on the judged samples, on the CPU.

    ``logits`` (N, C), ``labels`` (N,); by modality the readout's ``unimodal`` logits (N, C),
    ``ablated`` logits (N, C) with all others at their mean, and the classes (N,) that a linear
    probe of the encoder predicts. ``losses`` holds (training, validation) losses by modality.
    Samples of one number in ``groups`` (N,) come from one source; None where that is not known.
    """

    logits: Tensor
    labels: Tensor
    unimodal: Mapping[str, Tensor] = field(default_factory=dict)
    probed: Mapping[str, Tensor] = field(default_factory=dict)
    losses: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    groups: Tensor | None = None

    @property
    def adds_up(self) -> bool:
        """Whether the unimodal logits sum to the logits, so that coalitions need no model."""
        if not self.unimodal:
            return False
        total = torch.stack(list(self.unimodal.values())).double().sum(0)
        close = 1e-3 * float(self.logits.abs().max()) + 1e-4
        return float((total - self.logits).abs().max()) <= close

    @property
    def hits(self) -> Tensor:
        """Whether each prediction is right. (N,)"""
        return (self.logits.argmax(1) == self.labels).double()

    def probe_hits(self, modality: str) -> Tensor:
        """Whether each prediction of the probe is right. (N,)"""
        return (self.probed[modality] == self.labels).double()


@dataclass(frozen=True)
class Evidence:
    """The models of one seed by name: the diagnosed one and those it is held against.

    ``contributions`` holds per-sample measures of the diagnosed one, (N,) by name, and
    ``measured`` those of the whole split.
    """

    seed: int
    models: Mapping[str, Judged]
    contributions: Mapping[str, Tensor] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """All that is known of one kind of training, over its seeds.

    Args:
        source: what was read, for the head of a verdict: ``kind``, ``data``, ``row``, ``split``,
            ``readout``, ``classes``.
        modalities: in the order of the encoders.
        row: the diagnosed model.
        seeds: one `Evidence` each.
        missing: models that could not be had, each with the command that trains it.
        notes: what a reader must know.
    """

    source: Mapping[str, Any]
    modalities: tuple[str, ...]
    row: str
    seeds: tuple[Evidence, ...]
    missing: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    def has(self, model: str) -> bool:
        """Whether every seed has the model."""
        return all(model in evidence.models for evidence in self.seeds)

    @property
    def referenced(self) -> bool:
        """Whether every modality was also trained alone."""
        return all(self.has(alone_row(m)) for m in self.modalities)

    @property
    def groups(self) -> list[Tensor | None]:
        """The groups of each seed's samples, (N,), None where they are not known."""
        return [evidence.models[self.row].groups for evidence in self.seeds]

    @property
    def chance(self) -> float:
        """Accuracy of naming the most frequent class always, the mean over seeds."""
        shares = [largest_share(e.models[self.row].labels) for e in self.seeds]
        return sum(shares) / len(shares)


def largest_share(labels: Tensor) -> float:
    """Share of the most frequent class. (N,) -> (0, 1]"""
    return float(torch.bincount(labels).max() / len(labels))


def ensemble(models: Mapping[str, Judged], names: Sequence[str]) -> dict[str, Judged]:
    """The mean of the softmax outputs of all modalities trained alone; empty where one is not."""
    if not all(alone_row(m) in models for m in names):
        return {}
    members = [models[alone_row(m)] for m in names]
    logits = mean_log_probability([member.logits for member in members])
    return {ENSEMBLE: Judged(logits, members[0].labels)}
