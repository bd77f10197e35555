"""Data sets of a comparison. Names and descriptions come without importing torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from equimodal.data.information import SourceInfo
from equimodal.data.sources import describe, load, names, ready

if TYPE_CHECKING:
    from equimodal.data.dataset import DataSource, Modality, MultimodalDataset

__all__ = [
    "DataSource",
    "Modality",
    "MultimodalDataset",
    "SourceInfo",
    "describe",
    "load",
    "names",
    "ready",
]


def __getattr__(name: str) -> Any:
    if name in ("DataSource", "Modality", "MultimodalDataset"):
        return getattr(import_module("equimodal.data.dataset"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
