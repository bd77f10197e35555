"""A model on the samples that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from equimodal.measures.goodness import right
from equimodal.measures.scoring import as_logits, scores_of
from equimodal.training.prediction import in_units, read_arrays
from equimodal.training.robustness.passes import Stressed
from equimodal.training.robustness.run import read_stressed


@dataclass(frozen=True)
class Judged:
    """One model on the judged samples, on the CPU.

    ``logits`` (N, C), ``labels`` (N, ...); by modality the readout's ``unimodal`` logits (N, C),
    and what a linear probe of the encoder predicts, classes (N,) or (N, C). Numbers are in the
    units of the data, but for their mean. ``losses`` holds (training, validation) losses by
    modality. Samples of one number in ``groups`` (N,) come from one source; None where that is not
    known.
    ``present`` (N,) says by modality which samples have it; nothing where all have all.
    ``fitted`` is the share of the classes' entropy that training took from its own loss, and
    ``stressed`` what is predicted of corrupted samples, in the units of ``logits``.
    """

    logits: Tensor
    labels: Tensor
    unimodal: Mapping[str, Tensor] = field(default_factory=dict)
    probed: Mapping[str, Tensor] = field(default_factory=dict)
    losses: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    groups: Tensor | None = None
    fitted: float | None = None
    present: Mapping[str, Tensor] = field(default_factory=dict)
    stressed: Stressed | None = None

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
        """How right each prediction is, see `goodness.right`. (N,)"""
        return right(self.logits, self.labels)

    def probe_hits(self, modality: str) -> Tensor:
        """How right what the probe predicts is. (N,)"""
        return right(self.predicted(modality), self.labels)

    def value(self, name: str, probe: str | None = None) -> Tensor:
        """A score that is a mean over samples, of each sample, or of a probe's prediction. (N,)"""
        each = scores_of(self.labels)[name].each
        assert each is not None
        return each(self.predicted(probe), self.labels).double()

    def rows(self, kept: Tensor) -> Judged:
        """The same model on some of the samples. (N,) bool"""

        def each(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {m: own[kept] for m, own in values.items()}

        return replace(
            self, logits=self.logits[kept], labels=self.labels[kept], unimodal=each(self.unimodal),
            probed=each(self.probed), present=each(self.present),
            groups=None if self.groups is None else self.groups[kept],
            stressed=self.stressed and self.stressed.each(lambda found: found[:, kept]),
        )  # fmt: skip

    def predicted(self, probe: str | None = None) -> Tensor:
        """The logits, or what the probe of a modality predicts in their form. (N, C)"""
        return self.logits if probe is None else as_logits(self.probed[probe], self.logits)


def read_judged(folder: Path) -> Judged:
    """A run on its test samples, as its folder keeps them.

    Raises:
        BalanceError: its predictions are missing or damaged.
    """
    arrays = read_arrays(folder)
    names = [str(name) for name in arrays.pop("modalities", ())]
    found = {key: torch.from_numpy(values) for key, values in arrays.items()}
    labels = found["test_labels"]
    labels = labels if labels.is_floating_point() else labels.long()
    scale = found.get("target_scale", torch.zeros(0))
    probed = {
        m: in_units(own, labels, scale)[0] if len(scale) else own
        for m, own in zip(names, found.get("test_probed", ()), strict=False)
    }
    stressed = read_stressed(folder, found["test_logits"])
    if stressed is not None and len(scale):
        stressed = stressed.each(lambda own: own * scale)
    logits, labels = in_units(found["test_logits"], labels, scale)
    there = found.get("test_present")
    present = {} if there is None else {m: there[:, k] for k, m in enumerate(names)}
    groups = found.get("test_groups")
    return Judged(logits, labels, probed=probed, groups=groups, present=present, stressed=stressed)
