"""A model on the samples that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from equimodal.training.prediction import read_arrays


@dataclass(frozen=True)
class Judged:
    """One model on the judged samples, on the CPU.

    ``logits`` (N, C), ``labels`` (N,); by modality the readout's ``unimodal`` logits (N, C),
    ``ablated`` logits (N, C) with all others at their mean, and the classes (N,) that a linear
    probe of the encoder predicts. ``losses`` holds (training, validation) losses by modality.
    Samples of one number in ``groups`` (N,) come from one source; None where that is not known.
    ``fitted`` is the share of the classes' entropy that training took from its own loss.
    """

    logits: Tensor
    labels: Tensor
    unimodal: Mapping[str, Tensor] = field(default_factory=dict)
    probed: Mapping[str, Tensor] = field(default_factory=dict)
    losses: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    groups: Tensor | None = None
    fitted: float | None = None

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


def read_judged(folder: Path) -> Judged:
    """A run on its test samples, as its folder keeps them.

    Raises:
        BalanceError: its predictions are missing or damaged.
    """
    arrays = read_arrays(folder)
    names = [str(name) for name in arrays.pop("modalities", ())]
    found = {key: torch.from_numpy(values) for key, values in arrays.items()}
    probed = dict(zip(names, found.get("test_probed", ()), strict=False))
    return Judged(
        found["test_logits"], found["test_labels"].long(), probed=probed,
        groups=found.get("test_groups"),
    )  # fmt: skip
