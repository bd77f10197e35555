"""Small transformers for sequences of vectors and for text, with steps that pad left out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from equimodal.models.encoders.encoder import Encoder

HEADS = 4
DEPTH = 2


class Block(nn.Module):
    """Self-attention and a two-layer network, each after a normalisation, beside a shortcut.

    Args:
        width: numbers a step, a multiple of `HEADS`.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, absent: Tensor) -> Tensor:
        """(N, T, width), and (N, T) true for steps that pad -> (N, T, width)"""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, key_padding_mask=absent, need_weights=False)[0]
        out: Tensor = x + self.linear2(gelu(self.linear1(self.norm2(x))))
        return out


class Transformer(nn.Module):
    """Steps with their places, through blocks, and averaged over those that are there.

    Args:
        steps: the most steps of a sample.
        width: numbers a step, and of features.
    """

    def __init__(self, steps: int, width: int) -> None:
        super().__init__()
        self.places = nn.Parameter(0.02 * torch.randn(steps, width))
        self.blocks = nn.ModuleList(Block(width) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """(N, T, width), and (N, T) true for steps that are there -> (N, width)"""
        # Attention over no step at all is NaN: a sample without any attends to its first.
        absent = ~present
        absent = torch.cat([absent[:, :1] & present.any(1, keepdim=True), absent[:, 1:]], 1)
        x = x + self.places[: x.shape[1]]
        for block in self.blocks:
            x = block(x, absent)
        weights = present.unsqueeze(2).to(x)
        total: Tensor = (self.norm(x) * weights).sum(1)
        return total / weights.sum(1).clamp_min(1)


class SequenceEncoder(Encoder):
    """Features of a sequence: (N, T, D + 1) -> (N, width); the last column says which steps are.

    Args:
        shape: (T, D + 1) of one sample.
        width: number of features.
    """

    def __init__(self, shape: Sequence[int], *, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.steps = nn.Linear(shape[1] - 1, width)
        self.transformer = Transformer(shape[0], width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Features of each sequence: (N, T, D + 1) -> (N, width)."""
        present = x[..., -1] > 0.5
        steps = self.steps(x[..., :-1] * present.unsqueeze(2))
        return torch.relu(self.out(self.transformer(steps, present)))


class TextEncoder(Encoder):
    """Features of a text: token numbers (N, T) -> (N, width); the token 0 pads.

    Args:
        shape: (T,) of one sample.
        vocabulary: number of tokens.
        width: number of features.
    """

    def __init__(self, shape: Sequence[int], *, vocabulary: int, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.tokens = nn.Embedding(vocabulary, width)
        self.transformer = Transformer(shape[0], width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Features of each text: (N, T) -> (N, width)."""
        return torch.relu(self.out(self.transformer(self.tokens(x), x != 0)))
