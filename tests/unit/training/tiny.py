"""A data set of three vectors that trains in milliseconds, in place of the real loaders."""

from dataclasses import replace

import pytest
import torch

from equimodal.data.dataset import DataSource, Modality, MultimodalDataset
from equimodal.training import setup
from equimodal.training.config import RunConfig

WIDTHS = {"a": 4, "b": 6, "c": 3}
CLASSES = ("x", "y", "z")
CONFIG = RunConfig(
    data="tiny",
    data_settings={},
    method="joint",
    seed=3,
    lr=0.05,
    epochs=4,
    batch_size=16,
    optimizer="sgd",
    objective="fused",
    settings={},
    device="cpu",
)


def split(rows: int, generator: torch.Generator) -> MultimodalDataset:
    labels = torch.arange(rows) % len(CLASSES)
    inputs = {}
    for name, width in WIDTHS.items():
        centres = torch.eye(len(CLASSES), width)[labels]
        inputs[name] = centres + torch.randn(rows, width, generator=generator)
    return MultimodalDataset(inputs, labels)


def tiny_source(name="tiny", *, root=None, seed=0, **settings):
    generator = torch.Generator().manual_seed(seed)
    return DataSource(
        name=name,
        train=split(72, generator),
        validation=split(30, generator),
        test=split(33, generator),
        modalities={m: Modality("vector", (width,)) for m, width in WIDTHS.items()},
        classes=CLASSES,
        settings={"noise": 1.0, **settings},
        note="generated",
    )


def config(**changes) -> RunConfig:
    return replace(CONFIG, **changes)


@pytest.fixture
def tiny(monkeypatch):
    """Runs load the tiny data set, whatever they ask for."""
    setup._loaded.cache_clear()
    monkeypatch.setattr(setup, "load", tiny_source)
    yield
    setup._loaded.cache_clear()
