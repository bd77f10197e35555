"""Comparisons: every method and baseline on the same data, budget and seeds.

The package can be called: ``equimodal.compare(...)`` is `equimodal.compare.compare`, whichever
of the two was imported first.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equimodal.compare.comparison import compare

__all__ = ["compare"]


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: Any, **settings: Any) -> dict[str, Any]:
        results: dict[str, Any] = __getattr__("compare")(*arguments, **settings)
        return results


def __getattr__(name: str) -> Any:
    if name != "compare":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("equimodal.compare.comparison").compare


sys.modules[__name__].__class__ = _CallablePackage
