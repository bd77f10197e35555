"""Models that a comparison trains: encoders by kind of signal or by name, and a late fusion."""

from equimodal.models.encoders.convolution import SequenceConvEncoder, SpectrogramConvEncoder
from equimodal.models.encoders.encoder import Encoder
from equimodal.models.encoders.i3d import I3D
from equimodal.models.encoders.named import ENCODERS
from equimodal.models.encoders.resnet import ResNet18, ResNet50
from equimodal.models.encoders.sequences import SequenceEncoder, TextEncoder
from equimodal.models.encoders.small import (
    ConvEncoder,
    FrameAverage,
    VectorEncoder,
    VideoEncoder,
    build_encoder,
)
from equimodal.models.fusion import FusionModel, Output, build_model
from equimodal.models.fusions import FUSIONS

__all__ = [
    "ENCODERS",
    "FUSIONS",
    "I3D",
    "ConvEncoder",
    "Encoder",
    "FrameAverage",
    "FusionModel",
    "Output",
    "ResNet18",
    "ResNet50",
    "SequenceConvEncoder",
    "SequenceEncoder",
    "SpectrogramConvEncoder",
    "TextEncoder",
    "VectorEncoder",
    "VideoEncoder",
    "build_encoder",
    "build_model",
]
