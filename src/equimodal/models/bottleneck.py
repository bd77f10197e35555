"""Attention through bottleneck tokens (MBT: Nagrani et al., arXiv 2107.00135).

Each modality's tokens attend to each other and to a few shared tokens; all that one modality learns
of another passes through these. With :math:`z_m` the tokens of a modality and :math:`z_b` the
bottleneck tokens, a layer is

.. math:: [z_m, \\hat z_b^m] = \\mathrm{Transformer}_m([z_m, z_b]), \\quad
          z_b \\leftarrow \\mathrm{mean}_m \\hat z_b^m .

The logits are the mean over modalities of one linear layer on each first (class) token.

Differences to the paper: it fuses in the upper half of two pretrained transformers, on their
patches. Here encoders are of any kind and give one vector, so that a linear layer makes the tokens
of a modality from its features, and the layers of the fusion come after the encoders.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.models.encoders.sequences import Block


class AttentionBottleneck(nn.Module):
    """Tokens of every modality that meet through bottleneck tokens. {m: (N, D_m)} -> (N, C)

    Args:
        widths: number of features of each modality.
        classes: number of classes C.
        width: numbers of a token, a multiple of `sequences.HEADS`.
        tokens: tokens of a modality, besides its class token.
        bottlenecks: tokens that the modalities share; the paper's 4.
        depth: layers. The first carries into the bottleneck, the second out of it.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        classes: int,
        *,
        width: int = 64,
        tokens: int = 4,
        bottlenecks: int = 4,
        depth: int = 2,
    ) -> None:
        super().__init__()
        self.shape = (tokens, width)
        self.tokens = nn.ModuleDict({m: nn.Linear(d, tokens * width) for m, d in widths.items()})
        self.firsts = nn.Parameter(0.02 * torch.randn(len(widths), 1, width))
        self.bottlenecks = nn.Parameter(0.02 * torch.randn(bottlenecks, width))
        self.layers = nn.ModuleList(
            nn.ModuleDict({m: Block(width) for m in widths}) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, classes)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """{m: (N, D_m)} -> (N, C)"""
        own = self._tokens(features)
        rows = len(next(iter(features.values())))
        shared = self.bottlenecks.expand(rows, -1, -1)
        none_absent = torch.zeros(
            rows, 1 + self.shape[0] + shared.shape[1], dtype=torch.bool, device=shared.device
        )
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleDict)
            mixed = {
                m: block(torch.cat([own[m], shared], 1), none_absent) for m, block in layer.items()
            }
            count = shared.shape[1]
            own = {m: x[:, :-count] for m, x in mixed.items()}
            shared = torch.stack([x[:, -count:] for x in mixed.values()]).mean(0)
        return torch.stack([self.out(self.norm(x[:, 0])) for x in own.values()]).mean(0)

    def _tokens(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The class token of each modality and those of its features. -> {m: (N, 1 + T, width)}"""
        found = {}
        for (m, rows), first in zip(features.items(), self.firsts, strict=True):
            tokens = self.tokens[m](rows).unflatten(1, self.shape)
            found[m] = torch.cat([first.expand(rows.shape[0], 1, -1), tokens], dim=1)
        return found
