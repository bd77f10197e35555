"""1-D convolutions over time, for sequences and signals, with steps that pad left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from equimodal.models.encoders.encoder import Encoder

CHANNELS = (32, 64, 64)
STRIDES = (1, 2, 2)
SIZE = 5


class ConvolutionOverTime(nn.Module):
    """Convolutions with ReLU along the last axis, averaged over the steps that are there.

    Args:
        channels: input channels.
        width: number of features.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        layers = []
        for out, stride in zip(CHANNELS, STRIDES, strict=True):
            layers.append(nn.Conv1d(channels, out, SIZE, stride, padding=SIZE // 2))
            channels = out
        self.layers = nn.ModuleList(layers)
        self.out = nn.Linear(channels, width)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """(N, channels, T), and (N, T) true for steps that are there -> (N, width)"""
        weights = present.unsqueeze(1).to(x)
        x = x * weights
        for layer, stride in zip(self.layers, STRIDES, strict=True):
            weights = weights[..., ::stride]
            # Without it a bias would reach from the padding into the steps beside it.
            x = torch.relu(layer(x)) * weights
        mean = x.sum(2) / weights.sum(2).clamp_min(1)
        return torch.relu(self.out(mean))


class SequenceConvEncoder(Encoder):
    """Features of a sequence: (N, T, D + 1) -> (N, width); the last column says which steps are.

    Args:
        steps: numbers a step, D.
        width: number of features.
    """

    def __init__(self, steps: int, *, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.convolution = ConvolutionOverTime(steps, width)

    def forward(self, x: Tensor) -> Tensor:
        """Features of each sequence: (N, T, D + 1) -> (N, width)."""
        features: Tensor = self.convolution(x[..., :-1].transpose(1, 2), x[..., -1] > 0.5)
        return features


class SpectrogramConvEncoder(Encoder):
    """Features of a spectrogram by convolutions over time: (N, C, F, T) -> (N, width).

    Args:
        bands: channels times bands, C * F.
        width: number of features.
    """

    def __init__(self, bands: int, *, width: int = 64) -> None:
        super().__init__()
        self.width = width
        self.convolution = ConvolutionOverTime(bands, width)

    def forward(self, x: Tensor) -> Tensor:
        """Features of each spectrogram: (N, C, F, T) -> (N, width)."""
        present = torch.ones(x.shape[0], x.shape[-1], dtype=torch.bool, device=x.device)
        features: Tensor = self.convolution(x.flatten(1, 2), present)
        return features
