"""The one place that blanks: what modalities that are left out, or are missing, is replaced by."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor


def blank(features: Tensor, fill: str = "zero", rows: int | None = None) -> Tensor:
    """What stands for features that are left out: ``"zero"``, or their ``"mean"`` row. (N, ...) ->
    (N, ...), or as many ``rows``"""
    count = len(features) if rows is None else rows
    if fill == "zero":
        return features.new_zeros(count, *features.shape[1:])
    return features.detach().mean(0, keepdim=True).expand(count, *features.shape[1:])


def blanked(
    features: Mapping[str, Tensor], kept: Collection[str], fill: str = "zero"
) -> dict[str, Tensor]:
    """Features of all modalities, those outside the coalition ``kept`` blanked.

    {m: (N, ...)} -> {m: (N, ...)}. Where numbers of rows differ, the kept modality's rule.
    """
    rows = next((len(f) for m, f in features.items() if m in kept), None)
    return {m: f if m in kept else blank(f, fill, rows) for m, f in features.items()}


def blanked_rows(features: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Features with zeros in the rows in which a modality is left out.

    {m: (N, ...)}, {m: (N,) bool} -> {m: (N, ...)}
    """
    return {
        m: torch.where(kept[m].view(-1, *[1] * (f.ndim - 1)), f, f.new_zeros(()))
        for m, f in features.items()
    }


def spread_rows(
    values: Mapping[str, Tensor], rows: Mapping[str, Tensor] | None, count: int
) -> dict[str, Tensor]:
    """Values of the rows in which each modality is present as those of all rows, 0 elsewhere.

    {m: (N_m, ...)}, {m: (N_m,)} or None for all -> {m: (count, ...)}
    """
    if rows is None:
        return dict(values)
    return {
        m: v.new_zeros(count, *v.shape[1:]).index_copy(0, rows[m].to(v.device), v)
        for m, v in values.items()
    }
