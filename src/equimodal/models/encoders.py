"""Small encoders, trained from scratch, chosen by the kind of signal."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from equimodal.errors import BalanceError


class ConvEncoder(nn.Module):
    """Features of an image or a spectrogram: (N, C, H, W) -> (N, width).

    3x3 convolutions with ReLU, then one linear layer over all positions: where a pattern lies
    matters in both kinds (a digit's strokes, a tone's frequency). There are no batch statistics,
    so a sample's features do not depend on its batch.

    Args:
        shape: (C, H, W) of one sample.
        channels: output channels of each convolution.
        strides: stride of each convolution.
        width: number of features.
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        width: int = 64,
    ) -> None:
        super().__init__()
        self.width = width
        filters, height, breadth = shape
        layers: list[nn.Module] = []
        for out, stride in zip(channels, strides, strict=True):
            layers += [nn.Conv2d(filters, out, 3, stride, padding=1), nn.ReLU()]
            filters, height, breadth = out, -(-height // stride), -(-breadth // stride)
        layers += [nn.Flatten(), nn.Linear(filters * height * breadth, width), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Features of each image or spectrogram: (N, C, H, W) -> (N, width)."""
        features: Tensor = self.layers(x)
        return features


class VectorEncoder(nn.Module):
    """Features of a vector: (N, D) -> (N, width), by two linear layers with ReLU.

    Args:
        shape: (D,) of one sample.
        width: number of features.
        hidden: units of the hidden layer.
    """

    def __init__(self, shape: Sequence[int], *, width: int = 64, hidden: int = 64) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(
            nn.Linear(shape[0], hidden), nn.ReLU(), nn.Linear(hidden, width), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features of each vector: (N, D) -> (N, width)."""
        features: Tensor = self.layers(x)
        return features


def build_encoder(kind: str, shape: Sequence[int]) -> ConvEncoder | VectorEncoder:
    """The small encoder for a modality of this kind and sample shape.

    An image gets two convolutions (32, 64), a spectrogram, whose patterns reach further, four
    (16, 16, 32, 32); a vector two linear layers. The deeper one learns more slowly, which is what
    a comparison of balancing methods is about.

    Raises:
        BalanceError: the kind is unknown, or the shape is not one of that kind.
    """
    if kind not in ("image", "spectrogram", "vector"):
        raise BalanceError(
            f"There is no encoder for the kind '{kind}'; write image, spectrogram or vector."
        )
    expected = 1 if kind == "vector" else 3
    if len(shape) != expected or min(shape) < 1:
        form = "(D,)" if kind == "vector" else "(channels, height, width)"
        raise BalanceError(f"A sample of kind '{kind}' has the shape {form}, found {tuple(shape)}.")
    if kind == "vector":
        return VectorEncoder(shape)
    if kind == "spectrogram":
        return ConvEncoder(shape, channels=(16, 16, 32, 32), strides=(2, 2, 1, 1))
    # A tiny image keeps its resolution in the first convolution.
    return ConvEncoder(shape, channels=(32, 64), strides=(1 if min(shape[1:]) <= 16 else 2, 2))
