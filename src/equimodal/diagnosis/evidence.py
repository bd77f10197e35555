"""What a diagnosis is made of: the models of each seed, judged on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from equimodal.comparison.ensemble import mean_prediction
from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import ALONE, ENSEMBLE, UNTRAINED, alone_row
from equimodal.diagnosis.rules import LONGEST
from equimodal.measures.scoring import kind_of

LONGER = tuple(2**k for k in range(1, LONGEST.bit_length()))
"""How many times the steps of the diagnosed training longer references take."""


def longer_row(modality: str, times: int) -> str:
    """The model that one modality alone is after so many times the steps."""
    return f"{alone_row(modality)} x{times}"


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
        remedies: what gives a modality without a word one, by what it wants (`rules`).
        notes: what a reader must know.
    """

    source: Mapping[str, Any]
    modalities: tuple[str, ...]
    row: str
    seeds: tuple[Evidence, ...]
    missing: tuple[Mapping[str, Any], ...] = ()
    remedies: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def has(self, model: str) -> bool:
        """Whether every seed has the model."""
        return all(model in evidence.models for evidence in self.seeds)

    @property
    def fused(self) -> list[str]:
        """The models of any seed that use every modality, but for untrained ones."""
        names = dict.fromkeys(name for evidence in self.seeds for name in evidence.models)
        return [n for n in names if n != UNTRAINED and not n.startswith(ALONE)]


def ensemble(models: Mapping[str, Judged], names: Sequence[str]) -> dict[str, Judged]:
    """The mean of the predictions of all modalities trained alone; empty where one is not."""
    if not all(alone_row(m) in models for m in names):
        return {}
    members = [models[alone_row(m)] for m in names]
    logits = mean_prediction([member.logits for member in members], kind_of(members[0].labels))
    return {ENSEMBLE: Judged(logits, members[0].labels)}
