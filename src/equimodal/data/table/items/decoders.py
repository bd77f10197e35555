"""The reader of each kind of column."""

from __future__ import annotations

from importlib import import_module

from equimodal.data.table.items.decode import Reader

_MODULES = {
    "image": "images",
    "sound": "sounds",
    "waveform": "sounds",
    "video": "videos",
    "text": "texts",
    "table": "tables",
}


def reader(kind: str) -> Reader:
    """How the opened files or the cells of a kind are read."""
    # Loaded when asked for: each needs a library of its own.
    module = import_module(f"equimodal.data.table.items.{_MODULES.get(kind, 'numbers')}")
    found: Reader = module.READERS[kind]
    return found
