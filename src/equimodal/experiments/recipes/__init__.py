"""Recipes: one file per paper and data set, with every value's source and the published numbers."""

from importlib import import_module

from equimodal.errors import BalanceError, did_you_mean
from equimodal.experiments.recipes.recipe import OURS, Published, Recipe, Value

__all__ = ["OURS", "Published", "Recipe", "Value", "load", "names"]

_GROUP = ("cremad", "kinetics_sounds", "sarcasm", "twitter15", "nvgesture")
_LAB = (
    "cremad", "kinetics_sounds", "ucf101", "cmu_mosi", "cmu_mosei", "ave", "vggsound", "food101",
)  # fmt: skip
_NAMES = tuple(
    f"{paper}/{data}"
    for paper, sets in {"amss": _GROUP, "dus": _GROUP, "relearn": _LAB}.items()
    for data in sets
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
