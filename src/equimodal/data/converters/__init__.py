"""Converters from the official layout of a data set to a manifest, one small file per data set."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from equimodal.checks import require_known
from equimodal.data.information import Facts, SourceInfo, described

if TYPE_CHECKING:
    from equimodal.data.converters.table import Table

_NAMES = (
    "cremad", "kinetics-sounds", "ucf101", "nvgesture", "twitter15", "sarcasm", "cmu-mosi",
    "cmu-mosei", "ave", "vggsound", "food101",
)  # fmt: skip


def names() -> tuple[str, ...]:
    """The names of all data sets that have a converter."""
    return _NAMES


def load(name: str) -> tuple[Callable[..., Table], Facts]:
    """The converter of a data set, and the facts of the set.

    Raises:
        BalanceError: there is no such converter.
    """
    require_known("converter", name, _NAMES)
    module = import_module(f"{__name__}.sets.{name.replace('-', '_')}")
    return module.table, module.FACTS


def describe(name: str) -> SourceInfo:
    """What a data set is, where its files come from, and the settings of its converter.

    Raises:
        BalanceError: there is no such converter.
    """
    return described(name, *load(name))
