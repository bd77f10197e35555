"""`equimodal reproduce`: recipes of the papers."""

import argparse
from typing import Any

from equimodal.cli.command import with_options
from equimodal.cli.options import given
from equimodal.cli.shown import show, warn_of_divergence
from equimodal.errors import BalanceError
from equimodal.storage.printing import say
from equimodal.training.launch import import_fabric

_DESCRIPTION = """\
Run the experiment of a paper on a data set: its official files become a table, the table a
comparison with the recipe's values, and the published numbers are shown beside. Without a name,
list the recipes; docs/recipes.md has every value with its source."""

_EXAMPLES = """\
examples:
  equimodal reproduce                            the recipes, and the numbers that are published
  equimodal reproduce amss/cremad --show         every value with its source
  equimodal reproduce amss/cremad --tiny         the whole way in seconds, on generated samples
  equimodal reproduce amss/cremad --data-root ~/CREMA-D --device cuda
  equimodal reproduce amss/cremad --data-root ~/CREMA-D --device cuda --resume"""


def _run(arguments: argparse.Namespace) -> None:
    from equimodal.experiments import recipes
    from equimodal.experiments.recipes import shown

    options = given(arguments)
    name, show_only = options.pop("name", None), options.pop("show", False)
    if name is None:
        _check_listing(arguments)
        say(shown.listing([recipes.load(name) for name in recipes.names()]))
    elif show_only:
        say(shown.in_full(recipes.load(name)))
    else:
        _reproduce(name, options)


def _check_listing(arguments: argparse.Namespace) -> None:
    for option in ("show", "tiny", "data_root", "resume"):
        if option in arguments:
            raise BalanceError(
                f"--{option.replace('_', '-')} needs a recipe; write its name, such as `equimodal "
                "reproduce amss/cremad`, or nothing to list them."
            )


def _reproduce(name: str, options: dict[str, Any]) -> None:
    tiny = options.get("tiny", False)
    if tiny:
        import_fabric()  # sooner
    from equimodal.experiments import recipes
    from equimodal.experiments.recipes import shown
    from equimodal.experiments.recipes.run import reproduce
    from equimodal.experiments.recipes.tiny import changes

    recipe = recipes.load(name)
    if tiny:
        say("--tiny: generated samples, whose numbers mean nothing; changed are")
        say("\n".join(f"  {line}" for line in changes(recipe)) + "\n")
    done = reproduce(name, **options)
    show(done.results, done.folder)
    heading = "here, generated" if tiny else "here"
    say(f"{shown.beside(recipe, done.results, heading=heading)}\n")
    for label, file in {"results": "results.json", "page": "report.html", "table": "data"}.items():
        say(f"{label + ':':<9}{done.folder / file}")
    warn_of_divergence(done.results["runs"])


REPRODUCE = with_options(
    "reproduce", help="run the recipe of a paper and data set, or list the recipes",
    description=_DESCRIPTION, examples=_EXAMPLES, run=_run,
)  # fmt: skip
