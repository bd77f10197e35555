"""Packages that only some kinds of data need."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from equimodal.data.table.items.arrays.readers import reader_named
from equimodal.errors import DataError

KINDS = {"image": ("PIL.Image", "images"), "video": ("av", "videos")}


def check_installed(kind: str, settings: Mapping[str, Any]) -> None:
    """Raise `DataError` where the package that reads a column's files is not installed."""
    if kind in KINDS:
        extra(*KINDS[kind])
    if "reader" in settings:
        reader_named(settings["reader"])


def extra(module: str, purpose: str, group: str = "data") -> ModuleType:
    """The module of an optional package.

    Args:
        module: its import name.
        purpose: what it is needed for, as the message says it.
        group: the extra of equimodal that installs it.

    Raises:
        DataError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(
            f"Reading {purpose} needs the package {module.partition('.')[0]}, which is not "
            f"installed; write: pip install 'equimodal[{group}]'."
        ) from error
