"""Writes the tables of docs/recipes.md.

``python -m equimodal.experiments.recipes.document docs/recipes.md``
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from equimodal.errors import BalanceError
from equimodal.experiments.recipes import load, names
from equimodal.experiments.recipes.recipe import Recipe
from equimodal.experiments.recipes.shown import configuration, numbers, table_lines
from equimodal.storage.files import write_text

MARK = (
    "<!-- What follows is written by "
    "`python -m equimodal.experiments.recipes.document docs/recipes.md`. -->"
)


def generated() -> str:
    """The tables of the page: the published numbers, then each recipe in full."""
    recipes = [load(name) for name in names()]
    parts = ["\n".join(_published(recipes)), *("\n".join(_section(recipe)) for recipe in recipes)]
    return "\n\n".join(parts) + "\n"


def write(page: Path) -> None:
    """Write what follows `MARK` in a page; what stands before it is written by hand.

    Raises:
        BalanceError: the page has no such line.
    """
    by_hand, found, _ = page.read_text(encoding="utf-8").partition(MARK)
    if not found:
        raise BalanceError(f"'{page}' has no line `{MARK}`, behind which the tables go; write it.")
    write_text(page, f"{by_hand}{MARK}\n\n{generated()}")


def _published(recipes: list[Recipe]) -> Iterator[str]:
    lines = [(r.name, *line) for r in recipes for line in numbers(r) or [("none", "", "")]]
    yield from table_lines(("recipe", "row", "published", "source"), lines)


def _section(recipe: Recipe) -> Iterator[str]:
    yield f"## {recipe.name}"
    yield ""
    yield f"{recipe.about} {recipe.paper}"
    yield ""
    yield from (f"* {text}" for text in recipe.differences)
    yield ""
    yield from table_lines(("setting", "value", "source"), configuration(recipe))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
