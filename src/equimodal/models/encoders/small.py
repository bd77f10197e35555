"""Small encoders, trained from scratch, chosen by the kind of signal."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.models.encoders.encoder import Encoder
from equimodal.models.encoders.sequences import SequenceEncoder, TextEncoder


class ConvEncoder(Encoder):
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


class VectorEncoder(Encoder):
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


class FrameAverage(Encoder):
    """Features of a video: those of its frames, averaged over time. (N, F, C, H, W) -> (N, width)

    Args:
        frames: the encoder of one frame.
    """

    def __init__(self, frames: Encoder) -> None:
        super().__init__()
        self.frames = frames
        self.width = frames.width

    def forward(self, x: Tensor) -> Tensor:
        """Features of each video: (N, F, C, H, W) -> (N, width)."""
        features: Tensor = self.frames(x.flatten(0, 1))
        return features.view(*x.shape[:2], self.width).mean(1)


class VideoEncoder(FrameAverage):
    """The small encoder of a video: the image's, averaged over its frames. See `FrameAverage`.

    Args:
        shape: (F, C, H, W) of one sample.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__(_image_encoder(shape[1:]))


FORMS = {
    "image": "(channels, height, width)",
    "spectrogram": "(channels, height, width)",
    "vector": "(D,)",
    "sequence": "(T, D + 1)",
    "text": "(T,)",
    "video": "(frames, channels, height, width)",
}


def build_encoder(kind: str, shape: Sequence[int], *, vocabulary: int | None = None) -> Encoder:
    """The small encoder for a modality of this kind and sample shape.

    An image gets two convolutions (32, 64), a spectrogram, whose patterns reach further, four
    (16, 16, 32, 32); a vector two linear layers; a video the image's, averaged over its frames;
    a sequence and a text two blocks of a transformer. The deeper one learns more slowly, which is
    what a comparison of balancing methods is about.

    Args:
        kind: one of `FORMS`.
        shape: of one sample.
        vocabulary: number of tokens of a text.

    Raises:
        BalanceError: the kind is unknown, or the shape is not one of that kind.
    """
    check_sample(kind, shape, vocabulary)
    if kind == "vector":
        return VectorEncoder(shape)
    if kind == "sequence":
        return SequenceEncoder(shape)
    if kind == "text":
        assert vocabulary is not None
        return TextEncoder(shape, vocabulary=vocabulary)
    if kind == "video":
        return VideoEncoder(shape)
    if kind == "spectrogram":
        return ConvEncoder(shape, channels=(16, 16, 32, 32), strides=(2, 2, 1, 1))
    return _image_encoder(shape)


def _image_encoder(shape: Sequence[int]) -> ConvEncoder:
    # A tiny image keeps its resolution in the first convolution.
    return ConvEncoder(shape, channels=(32, 64), strides=(1 if min(shape[1:]) <= 16 else 2, 2))


def check_sample(kind: str, shape: Sequence[int], vocabulary: int | None) -> None:
    """Raise `BalanceError` unless the kind is known and a sample may have this shape."""
    if kind not in FORMS:
        *most, last = FORMS
        raise BalanceError(
            f"There is no encoder for the kind '{kind}'; write {', '.join(most)} or {last}."
        )
    axes = FORMS[kind].count(",") + (not FORMS[kind].endswith(",)"))
    smallest = 2 if kind == "sequence" else 1
    if len(shape) != axes or min(shape) < 1 or shape[-1] < smallest:
        raise BalanceError(
            f"A sample of kind '{kind}' has the shape {FORMS[kind]}, found {tuple(shape)}."
        )
    if kind == "text" and not vocabulary:
        raise BalanceError("A text needs the number of its tokens; give Modality a vocabulary.")
