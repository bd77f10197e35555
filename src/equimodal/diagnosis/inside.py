"""Measures inside one fused model, from its head and the features, or parts, of each modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from equimodal.measures.calibration import calibration_error
from equimodal.measures.coalitions import (
    Fuse,
    coalition_logits,
    coalition_scores,
    sample_values,
    sampled_means,
    scores,
)
from equimodal.measures.discrepancy import mean_scores
from equimodal.measures.removal import drops
from equimodal.measures.scoring import CLASSES, NUMBERS, kind_of
from equimodal.measures.shapley import EXACT_UP_TO, interactions
from equimodal.numerics.scores import discrepancy_ratios
from equimodal.numerics.shapley import shapley_values

GAINS = ("accuracy", "score")
"""What a Shapley value shares out: being right, and the truth's probability, see `goodness`."""


@dataclass(frozen=True)
class Inside:
    """Measures inside one model: ``contributions`` of each sample, (N,) by name, and ``measured``
    of the whole split, plain data by family."""

    contributions: Mapping[str, Tensor] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)


def inside_of(
    fuse: Fuse, features: Mapping[str, Tensor], unimodal: Mapping[str, Tensor], labels: Tensor
) -> Inside:
    """All measures that a head gives.

    Args:
        fuse: logits from the features of all modalities.
        features: {m: (N, ...)}.
        unimodal: {m: (N, C)}, what the readout gives.
        labels: (N, ...).
    """
    measured = own_measures(fuse(features), unimodal, labels)
    measured["drop"] = drops(fuse, features, labels)
    if len(features) > EXACT_UP_TO:
        measured["sampling"] = _sampling(fuse, features, labels)
    return Inside({**contributions(fuse, features, labels), **own_hits(unimodal, labels)}, measured)


def _sampling(
    fuse: Fuse, features: Mapping[str, Tensor], labels: Tensor
) -> dict[str, dict[str, dict[str, float]]]:
    """What the random orders leave open of each mean Shapley value. {gain: {m: {low, high}}}"""
    found = sampled_means(fuse, features, labels)
    return {
        gain: {
            m: {"low": float(found.low[i, k]), "high": float(found.high[i, k])}
            for i, m in enumerate(features)
        }
        for k, gain in enumerate(GAINS)
    }


def contributions(fuse: Fuse, features: Mapping[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
    """Per-sample measures by name, (N,) each: ``shapley/<accuracy|score>/<m>``;
    ``interaction/<gain>/<a>|<b>`` up to `EXACT_UP_TO` modalities; ``inside/ablation/<m>``, whether
    the prediction from one modality, all others at their mean, is right.
    """
    names, gains = list(features), list(enumerate(GAINS))
    worth = coalition_scores(fuse, features, labels) if len(names) <= EXACT_UP_TO else None
    values = sample_values(fuse, features, labels) if worth is None else shapley_values(worth)
    found = {f"shapley/{g}/{m}": values[i, k] for k, g in gains for i, m in enumerate(names)}
    if worth is not None:
        pairs = interactions(worth)
        for (i, a), (j, b) in combinations(enumerate(names), 2):
            found |= {f"interaction/{g}/{a}|{b}": pairs[i, j, k] for k, g in gains}
    for i, m in enumerate(names):
        found[f"inside/ablation/{m}"] = scores(coalition_logits(fuse, features, 1 << i), labels)[0]
    return found


def own_hits(unimodal: Mapping[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
    """``inside/readout/<m>``: whether each modality's own prediction is right. {name: (N,)}"""
    return {f"inside/readout/{m}": scores(z, labels)[0] for m, z in unimodal.items()}


def own_measures(logits: Tensor, unimodal: Mapping[str, Tensor], labels: Tensor) -> dict[str, Any]:
    """Calibration, of classes, and discrepancy, but of numbers, from the fused logits and those of
    each modality."""
    kind = kind_of(labels)
    if kind == NUMBERS:
        return {}
    ratios = discrepancy_ratios(mean_scores(unimodal, labels)).tolist()
    found = {"discrepancy_ratio": dict(zip(unimodal, ratios, strict=True))}
    if kind != CLASSES:
        return found
    own = {m: calibration_error(z, labels) for m, z in unimodal.items()}
    whole = {"fused": calibration_error(logits, labels), "unimodal": own}
    return {"calibration_error": whole, **found}


def per_class(values: Tensor, labels: Tensor, classes: int) -> list[float | None]:
    """Mean of per-sample values in each class, None for a class without a sample. (N,), (N,)"""
    sums = torch.zeros(classes, dtype=torch.float64).index_add_(0, labels, values.double())
    counts = torch.bincount(labels, minlength=classes)
    return [float(s / n) if n else None for s, n in zip(sums, counts, strict=True)]
