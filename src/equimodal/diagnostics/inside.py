"""Measures inside one fused model, from its head and the features, or parts, of each modality."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from equimodal.diagnostics.calibration import calibration_error
from equimodal.diagnostics.coalitions import (
    Fuse,
    coalition_logits,
    coalition_scores,
    sample_values,
    scores,
)
from equimodal.diagnostics.discrepancy import discrepancy_ratios, mean_scores
from equimodal.diagnostics.removal import drops
from equimodal.diagnostics.shapley import EXACT_UP_TO, interactions

GAINS = ("accuracy", "score")
"""What a Shapley value shares out: being right, and the true class's probability."""


def contributions(
    fuse: Fuse, features: Mapping[str, Tensor], unimodal: Mapping[str, Tensor], labels: Tensor
) -> dict[str, Tensor]:
    """Per-sample measures by name, (N,) each.

    ``shapley/<accuracy|score>/<m>``; ``interaction/<gain>/<a>|<b>`` up to `EXACT_UP_TO`
    modalities; ``inside/readout/<m>`` and ``inside/ablation/<m>``, whether each modality's own
    prediction is right.

    Args:
        fuse: logits from the features of all modalities.
        features: {m: (N, ...)}.
        unimodal: {m: (N, C)}, what the readout gives; empty where there is none.
        labels: (N,).
    """
    names = list(features)
    values = sample_values(fuse, features, labels).values
    found = {
        f"shapley/{g}/{m}": values[i, k] for k, g in enumerate(GAINS) for i, m in enumerate(names)
    }
    if len(names) <= EXACT_UP_TO:
        pairs = interactions(coalition_scores(fuse, features, labels))
        for (i, a), (j, b) in combinations(enumerate(names), 2):
            found |= {f"interaction/{g}/{a}|{b}": pairs[i, j, k] for k, g in enumerate(GAINS)}
    for i, m in enumerate(names):
        found[f"inside/ablation/{m}"] = scores(coalition_logits(fuse, features, 1 << i), labels)[0]
    return found | {f"inside/readout/{m}": scores(z, labels)[0] for m, z in unimodal.items()}


def whole_split(
    fuse: Fuse, features: Mapping[str, Tensor], unimodal: Mapping[str, Tensor], labels: Tensor
) -> dict[str, Any]:
    """Measures of the whole split that are no mean over samples, as plain data by name."""
    found: dict[str, Any] = {
        "drop": drops(fuse, features, labels),
        "calibration_error": {"fused": calibration_error(fuse(features), labels)},
    }
    if unimodal:
        ratios = discrepancy_ratios(mean_scores(unimodal, labels)).tolist()
        found["discrepancy_ratio"] = dict(zip(unimodal, ratios, strict=True))
        found["calibration_error"]["unimodal"] = {
            m: calibration_error(z, labels) for m, z in unimodal.items()
        }
    return found


def per_class(values: Tensor, labels: Tensor, classes: int) -> list[float | None]:
    """Mean of per-sample values in each class, None for a class without a sample. (N,), (N,)"""
    sums = torch.zeros(classes, dtype=torch.float64).index_add_(0, labels, values.double())
    counts = torch.bincount(labels, minlength=classes)
    return [float(s / n) if n else None for s, n in zip(sums, counts, strict=True)]
