"""Encoders by name: what may stand in ``--encoder image=resnet18``.

=================  ======================================  ========================================
name               kinds                                   what it is
=================  ======================================  ========================================
``small``          all                                     the small encoder of that kind
``resnet18``       image, spectrogram, video               ResNet-18; a video's frames are averaged
``resnet18-gelu``  image, spectrogram, video               the same with GELU in the place of ReLU
``resnet50``       image, spectrogram, video               ResNet-50; a video's frames are averaged
``i3d``            video                                   Inception-I3D over a clip in time
``conv1d``         sequence, spectrogram                   1-D convolutions over time
``transformer``    sequence, text                          two blocks of a transformer
``mlp``            vector, image, spectrogram              two linear layers over all numbers
=================  ======================================  ========================================

These are trained from scratch. ``hf:<name or folder>`` is a model of Hugging Face, see
`equimodal.models.pretrained.encoder`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from equimodal.checks import require_known
from equimodal.data.dataset import HUGGING_FACE, Modality
from equimodal.errors import BalanceError, did_you_mean
from equimodal.models.encoders.convolution import SequenceConvEncoder, SpectrogramConvEncoder
from equimodal.models.encoders.encoder import Encoder
from equimodal.models.encoders.i3d import I3D
from equimodal.models.encoders.resnet import ResNet18, ResNet50
from equimodal.models.encoders.small import (
    FORMS,
    FrameAverage,
    VectorEncoder,
    build_encoder,
    check_sample,
)

SMALL = "small"
LARGE_SIDE = 64
"""An image, a video or a spectrogram whose shorter side is longer gets a ResNet-18 by default."""
LONG = 1024
_PICTURES = ("image", "spectrogram", "video")


@dataclass(frozen=True)
class Entry:
    """An encoder that has a name: the kinds of modality that it takes, and how it is built."""

    kinds: tuple[str, ...]
    build: Callable[[Modality], Encoder]


class Flat(VectorEncoder):
    """Features of any array of numbers, read as one vector: (N, ...) -> (N, width)."""

    def forward(self, x: Tensor) -> Tensor:
        """Features of each sample: (N, ...) -> (N, width)."""
        return super().forward(x.flatten(1))


def _small(modality: Modality) -> Encoder:
    return build_encoder(modality.kind, modality.shape, vocabulary=modality.vocabulary)


def _pictures(network: Callable[[int], Encoder]) -> Callable[[Modality], Encoder]:
    """A network over (C, H, W); of a video over each of its frames."""

    def build(modality: Modality) -> Encoder:
        encoder = network(modality.shape[-3])
        return FrameAverage(encoder) if modality.kind == "video" else encoder

    return build


def _over_time(modality: Modality) -> Encoder:
    if modality.kind == "sequence":
        return SequenceConvEncoder(modality.shape[1] - 1)
    return SpectrogramConvEncoder(math.prod(modality.shape[:-1]))


def _flat(modality: Modality) -> Encoder:
    return Flat((math.prod(modality.shape),))


ENCODERS: Mapping[str, Entry] = {
    SMALL: Entry(tuple(FORMS), _small),
    "resnet18": Entry(_PICTURES, _pictures(ResNet18)),
    "resnet18-gelu": Entry(_PICTURES, _pictures(lambda channels: ResNet18(channels, nn.GELU))),
    "resnet50": Entry(_PICTURES, _pictures(ResNet50)),
    "i3d": Entry(("video",), lambda modality: I3D(modality.shape[1])),
    "conv1d": Entry(("sequence", "spectrogram"), _over_time),
    "transformer": Entry(("sequence", "text"), _small),
    "mlp": Entry(("vector", "image", "spectrogram"), _flat),
}
"""Encoders by the name that ``--encoder`` takes, with the kinds of signal that each reads."""


def named_encoder(spec: str, modality: Modality) -> Encoder:
    """A new encoder for a modality, its weights drawn from the global random stream.

    Args:
        spec: a name in `ENCODERS`, or ``hf:<name or folder>[,frozen]``.
        modality: what its samples are.

    Raises:
        BalanceError: the name is unknown or the encoder does not take the modality's kind, or the
            shape is not one of that kind.
    """
    if spec.startswith(HUGGING_FACE):
        from equimodal.models.pretrained.encoder import build_pretrained

        return build_pretrained(spec, modality)
    check_encoder(spec, modality)
    return ENCODERS[spec].build(modality)


def check_encoder(spec: str, modality: Modality) -> None:
    """Raise `BalanceError` unless an encoder of that name can read the modality."""
    check_sample(modality.kind, modality.shape, modality.vocabulary)
    if spec.startswith(HUGGING_FACE):
        from equimodal.models.pretrained.encoder import check_pretrained

        return check_pretrained(spec, modality)
    pretrained = f", or {HUGGING_FACE}<name or folder> for a model of Hugging Face"
    require_known("encoder", spec, ENCODERS, pretrained)
    if modality.kind not in ENCODERS[spec].kinds:
        fitting = [name for name, entry in ENCODERS.items() if modality.kind in entry.kinds]
        raise BalanceError(
            f"The encoder '{spec}' reads {', '.join(ENCODERS[spec].kinds)}, found a modality of "
            f"kind '{modality.kind}'; write one of {', '.join(fitting)}."
        )


def chosen_encoders(given: Mapping[str, str], modalities: Mapping[str, Modality]) -> dict[str, str]:
    """The encoder of every modality that does not have the small one: those given, those that the
    data set asks for, and ResNet-18 for pictures of more than `LARGE_SIDE` pixels a side.

    Raises:
        BalanceError: there is no such modality or encoder, or the two do not fit.
    """
    asked = {m: modality.encoder for m, modality in modalities.items() if modality.encoder}
    chosen = {**asked, **given}
    check_encoders(chosen, modalities)
    found = {m: _kept(chosen.get(m)) or default_encoder(own) for m, own in modalities.items()}
    return {m: spec for m, spec in found.items() if spec != SMALL}


def _kept(spec: str | None) -> str | None:
    """How a choice is written into files."""
    if spec is None or not spec.startswith(HUGGING_FACE):
        return spec
    from equimodal.models.pretrained.encoder import relative

    return relative(spec)


def default_encoder(modality: Modality) -> str:
    """What a modality gets without a choice: the small encoder; ``resnet18`` where its convolutions
    would end in a linear layer of millions of weights; ``conv1d`` for a sequence of more than
    `LONG` steps, whose attention grows with their square."""
    if modality.kind == "sequence" and modality.shape[0] > LONG:
        return "conv1d"
    large = modality.kind in _PICTURES and min(modality.shape[-2:]) > LARGE_SIDE
    return "resnet18" if large else SMALL


def check_encoders(given: Mapping[str, str], modalities: Mapping[str, Modality]) -> None:
    """Raise `BalanceError` unless each is a known encoder of a modality that it can read."""
    for name, spec in given.items():
        if name not in modalities:
            raise BalanceError(
                f"An encoder is given for '{name}', which is no modality here; write one of "
                f"{', '.join(modalities)}.{did_you_mean(name, modalities)}"
            )
        try:
            check_encoder(spec, modalities[name])
        except BalanceError as error:
            raise BalanceError(f"encoder of {name}: {error}") from error
