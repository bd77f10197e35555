"""Models and data whose steps are timed: `step_cost.py`, `dispatch.py`, `recording_cost.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from equimodal import data
from equimodal.data import MultimodalDataset
from equimodal.models import FusionModel, ResNet18, build_model
from equimodal.models.fusions import CONCAT

MANY_CLASSES = 309
"""Those of VGGSound."""


@dataclass
class Setup:
    """One model with its data and the shape of its training."""

    name: str
    build: Callable[[str], FusionModel]
    """Of the name of its fusion."""
    train: MultimodalDataset
    validation: MultimodalDataset
    batch_size: int
    steps: int
    """Iterations of one method in one round."""


def keypad_setup() -> Setup:
    """The model and the data of `equimodal compare`."""
    source = data.load("keypad", seed=0)

    def build(fusion: str) -> FusionModel:
        return build_model(source.modalities, len(source.classes), seed=0, fusion=fusion)

    return Setup("keypad", build, source.train, source.validation, batch_size=64, steps=32)


def resnet_setup(classes: int = 6) -> Setup:
    """Two ResNet-18, batch 16: sound 1 x 129 x 94 and image 3 x 96 x 96, random values."""
    shapes = {"sound": (1, 129, 94), "image": (3, 96, 96)}
    name = "resnet18-pair" if classes == 6 else f"resnet18-pair-{classes}"
    train, validation = (random_rows(shapes, count, classes) for count in (64, 16))
    return Setup(
        name, lambda fusion: resnet_pair(fusion, classes), train, validation, batch_size=16, steps=2
    )


def resnet_pair(fusion: str = CONCAT, classes: int = 6) -> FusionModel:
    """Two ResNet-18 and a head."""
    torch.manual_seed(0)
    encoders = {"sound": ResNet18(1), "image": ResNet18(3)}
    widths = {"sound": 512, "image": 512}
    return FusionModel(encoders, widths=widths, classes=classes, fusion=fusion)


def large_resnet_setup() -> Setup:
    """Two ResNet-18 at the papers' sizes, batch 64: 1 x 257 x 188 and 3 x 224 x 224, for a GPU."""
    shapes = {"sound": (1, 257, 188), "image": (3, 224, 224)}
    return Setup(
        "resnet18-pair-224", resnet_pair, random_rows(shapes, 512), random_rows(shapes, 128),
        batch_size=64, steps=4,
    )  # fmt: skip


class Transformer(nn.Module):
    """(N, T, 64) -> (N, 256): four layers over tokens, their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(64, 256)
        layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.layers(self.project(tokens))
        return mixed.mean(1)


def transformer_setup() -> Setup:
    """Two transformers of four layers over 64 and 128 tokens, batch 64, for a GPU."""

    def build(fusion: str) -> FusionModel:
        torch.manual_seed(0)
        widths = {"text": 256, "sound": 256}
        encoders = {m: Transformer() for m in widths}
        return FusionModel(encoders, widths=widths, classes=6, fusion=fusion)

    shapes = {"text": (64, 64), "sound": (128, 64)}
    return Setup(
        "transformer-pair", build, random_rows(shapes, 512), random_rows(shapes, 128),
        batch_size=64, steps=4,
    )  # fmt: skip


def random_rows(
    shapes: Mapping[str, tuple[int, ...]], count: int, classes: int = 6
) -> MultimodalDataset:
    """So many samples of normal noise with the labels in turn."""
    draw = torch.Generator().manual_seed(0)
    inputs = {m: torch.randn(count, *shape, generator=draw) for m, shape in shapes.items()}
    return MultimodalDataset(inputs, torch.arange(count) % classes)


SETUPS = {
    "keypad": keypad_setup, "resnet18-pair": resnet_setup,
    "resnet18-pair-309": partial(resnet_setup, MANY_CLASSES),
    "resnet18-pair-224": large_resnet_setup, "transformer-pair": transformer_setup,
}  # fmt: skip
