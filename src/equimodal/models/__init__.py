"""Models that a comparison trains: small encoders by kind of signal, and late fusion."""

from equimodal.models.encoders import ConvEncoder, VectorEncoder, build_encoder
from equimodal.models.fusion import FusionModel, Output, build_model
from equimodal.models.resnet import ResNet18

__all__ = [
    "ConvEncoder",
    "FusionModel",
    "Output",
    "ResNet18",
    "VectorEncoder",
    "build_encoder",
    "build_model",
]
