"""Recipes: one file per paper and data set, with every value's source and the published numbers."""

from __future__ import annotations

from importlib import import_module

from equimodal.errors import BalanceError, did_you_mean
from equimodal.recipes.recipe import OURS, Published, Recipe, Value

__all__ = ["OURS", "Published", "Recipe", "Value", "load", "names"]

_NAMES = (
    "amss/cremad",
    "amss/kinetics_sounds",
    "amss/sarcasm",
    "amss/twitter15",
    "amss/nvgesture",
    "dus/cremad",
    "dus/kinetics_sounds",
    "dus/sarcasm",
    "dus/twitter15",
    "dus/nvgesture",
    "relearn/cremad",
    "relearn/kinetics_sounds",
    "relearn/ucf101",
    "relearn/cmu_mosi",
    "relearn/cmu_mosei",
    "relearn/ave",
    "relearn/vggsound",
    "relearn/food101",
)


def names() -> tuple[str, ...]:
    """The names of all recipes, ``<paper>/<data set>``."""
    return _NAMES


def load(name: str) -> Recipe:
    """A recipe by its name.

    Raises:
        BalanceError: there is no such recipe.
    """
    known = name.replace("-", "_")
    if known not in _NAMES:
        raise BalanceError(
            f"There is no recipe '{name}'; write one of {', '.join(_NAMES)}."
            f"{did_you_mean(known, _NAMES)}"
        )
    recipe: Recipe = import_module(f"{__name__}.{known.replace('/', '.')}").RECIPE
    return recipe
