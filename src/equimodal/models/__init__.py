"""Models that a comparison trains: small encoders by kind of signal, and late fusion."""

from equimodal.models.encoders import ConvEncoder, VectorEncoder, VideoEncoder, build_encoder
from equimodal.models.fusion import FusionModel, Output, build_model
from equimodal.models.resnet import ResNet18
from equimodal.models.sequences import SequenceEncoder, TextEncoder

__all__ = [
    "ConvEncoder",
    "FusionModel",
    "Output",
    "ResNet18",
    "SequenceEncoder",
    "TextEncoder",
    "VectorEncoder",
    "VideoEncoder",
    "build_encoder",
    "build_model",
]
