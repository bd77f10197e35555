"""Which modalities samples have, where some lack one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PRESENT = ".present"
"""Beside the inputs of a batch, (N, M) bool: which modalities each sample has. No modality can be
called so."""


@dataclass(frozen=True)
class Patterns:
    """What each sample has: ``codes`` (N,) are places in ``names``, such as "audio + video";
    ``whole`` (N,) says which have all."""

    codes: Tensor
    names: tuple[str, ...]
    whole: Tensor


def patterns_of(names: Sequence[str], present: Tensor | None) -> Patterns | None:
    """What samples have, the fullest first; None where all have all. (N, M)"""
    if present is None:
        return None
    found, codes = torch.unique(present, dim=0, return_inverse=True)
    # Of as many modalities the one with the first of them comes first.
    order = torch.argsort(found.sum(1).flip(0), descending=True, stable=True)
    order = len(found) - 1 - order
    told = [
        " + ".join(m for m, there in zip(names, row, strict=True) if there)
        for row in found[order].tolist()
    ]
    return Patterns(torch.argsort(order)[codes], tuple(told), present.all(1))
