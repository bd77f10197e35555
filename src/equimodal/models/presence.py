"""Modalities that are missing in some samples: their encoders see the others alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.models.encoders.encoder import Encoder


class WherePresent(Encoder):
    """An encoder that runs on the samples that have its modality, with features of 0 for others.

    So a missing sample has no part in batch statistics, and no gradient reaches the encoder by it.

    Args:
        encoder: (N, ...) -> (N, width).
        width: of its features.
    """

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = width

    def forward(self, rows: Tensor, present: Tensor | None = None) -> Tensor:
        """(N, ...), (N,) bool or None where all are -> (N, width)

        On the CPU ``present`` lets no device wait.
        """
        if present is None:
            found: Tensor = self.encoder(rows)
            return found
        places = present.nonzero()[:, 0].to(rows.device)
        if not len(places):
            return torch.zeros(len(rows), self.width, device=rows.device)
        own: Tensor = self.encoder(rows[places])
        return own.new_zeros(len(rows), self.width).index_copy(0, places, own)


class Absent(nn.ParameterDict):
    """A learned vector for each modality that may be missing, in the place of its features.

    Args:
        widths: features of each such modality.
    """

    def __init__(self, widths: Mapping[str, int]) -> None:
        super().__init__({m: nn.Parameter(torch.zeros(width)) for m, width in widths.items()})

    def fill(self, modality: str, features: Tensor, present: Tensor) -> Tensor:
        """The features where a sample has them, the vector elsewhere. (N, D), (N,) -> (N, D)"""
        vector: Tensor = self[modality]
        there = present.to(features.device, non_blocking=True)[:, None]
        return torch.where(there, features, vector.to(features.dtype))
