"""The decoder and the measure of each kind of column."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from equimodal.data.table.items.decode import Decoder, Measure

_MODULES = {
    "image": "images",
    "sound": "sounds",
    "waveform": "sounds",
    "video": "videos",
    "text": "texts",
}


def decoder(kind: str) -> Decoder:
    """The function ``(opened file or cell, settings) -> Item`` of a kind."""
    found: Decoder = _module(kind).decoder(kind)
    return found


def measure(kind: str) -> Measure:
    """The function ``(opened file or cell) -> facts`` of a kind, which reads little of a file."""
    found: Measure = _module(kind).measure(kind)
    return found


def _module(kind: str) -> Any:
    # Loaded when asked for: each reader needs a library of its own.
    return import_module(f"equimodal.data.table.items.{_MODULES.get(kind, 'numbers')}")
