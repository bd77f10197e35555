"""The command `equimodal reproduce`: recipes of the papers."""

import argparse
import os

from equimodal.cli.shown import show, warn_of_divergence
from equimodal.cli.values import encoders, rates, seeds, settings, whole_number, words
from equimodal.errors import BalanceError
from equimodal.training.launch import import_fabric

DESCRIPTION = """\
Run the experiment of a paper on a data set: its official files become a table, the table a
comparison with the recipe's values, and the published numbers are shown beside. Without a name,
list the recipes; docs/recipes.md has every value with its source."""

EXAMPLES = """\
examples:
  equimodal reproduce                            the recipes, and the numbers that are published
  equimodal reproduce amss/cremad --show         every value with its source
  equimodal reproduce amss/cremad --tiny         the whole way in seconds, on generated samples
  equimodal reproduce amss/cremad --data-root ~/CREMA-D --device cuda
  equimodal reproduce amss/cremad --data-root ~/CREMA-D --device cuda --resume"""


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    """The options of ``reproduce``."""
    parser.set_defaults(run=_reproduce)
    parser.add_argument("name", nargs="?", metavar="NAME", help="recipe, such as amss/cremad")
    how = parser.add_argument_group("what is done")
    how.add_argument("--show", action="store_true", help="print the recipe in full, train nothing")
    how.add_argument(
        "--tiny", action="store_true", help="a small form on generated samples, in seconds"
    )
    how.add_argument("--data-root", metavar="DIR", help="the data set's official folder")
    how.add_argument(
        "--allow-missing", action="store_true", help="leave out samples whose files are missing"
    )
    plan = parser.add_argument_group("in the place of the recipe's values")
    plan.add_argument("--methods", type=words, metavar="A,B", help="rows (the recipe's)")
    plan.add_argument("--seeds", type=seeds, metavar="N|LIST", help="how many, or which (3)")
    plan.add_argument("--epochs", type=whole_number, metavar="N", help="passes over the data")
    plan.add_argument("--batch-size", type=whole_number, metavar="N", help="samples a step")
    plan.add_argument("--lr", type=rates, metavar="X[,Y]", help="learning rate, or several")
    plan.add_argument(
        "--encoder", dest="encoders", action="append", metavar="MODALITY=NAME", default=[],
        help="encoder of a modality, such as text=hf:models/bert; repeatable",
    )  # fmt: skip
    plan.add_argument(
        "--set", dest="settings", action="append", metavar="KEY=VALUE", default=[],
        help="setting of a method, the optimiser or the converter; repeatable",
    )  # fmt: skip
    execution = parser.add_argument_group("where it runs")
    execution.add_argument("--device", metavar="NAME", default="cpu", help="cpu, cuda or cuda:1")
    execution.add_argument("--jobs", type=whole_number, metavar="N", help="runs at a time")
    execution.add_argument("--out", metavar="DIR", help="folder of the results (results/NAME)")
    execution.add_argument("--cache", metavar="DIR", help="folder of the decoded samples")
    execution.add_argument("--resume", action="store_true", help="continue in that folder")


def _reproduce(arguments: argparse.Namespace) -> None:
    from equimodal.experiments import recipes
    from equimodal.experiments.recipes import shown

    if arguments.name is None:
        _check_listing(arguments)
        print(shown.listing([recipes.load(name) for name in recipes.names()]))
    elif arguments.show:
        print(shown.in_full(recipes.load(arguments.name)))
    else:
        _run(arguments)


def _check_listing(arguments: argparse.Namespace) -> None:
    for option in ("show", "tiny", "data_root", "resume"):
        if getattr(arguments, option):
            raise BalanceError(
                f"--{option.replace('_', '-')} needs a recipe; write its name, such as `equimodal "
                "reproduce amss/cremad`, or nothing to list them."
            )


def _run(arguments: argparse.Namespace) -> None:
    if arguments.tiny:
        import_fabric()  # sooner
    from equimodal.experiments import recipes
    from equimodal.experiments.recipes import shown
    from equimodal.experiments.recipes.run import reproduce
    from equimodal.experiments.recipes.tiny import changes

    left = ("command", "run", "name", "show")
    options = {key: value for key, value in vars(arguments).items() if key not in left}
    options["settings"] = settings(arguments.settings)
    options["encoders"] = encoders(arguments.encoders)
    recipe = recipes.load(arguments.name)
    if arguments.tiny:
        print("--tiny: generated samples, whose numbers mean nothing; changed are")
        print("\n".join(f"  {line}" for line in changes(recipe)) + "\n")
    done = reproduce(arguments.name, **options)
    show(done.results)
    heading = "here, generated" if arguments.tiny else "here"
    print(f"{shown.beside(recipe, done.results, heading=heading)}\n")
    for name, file in {"results": "results.json", "page": "report.html", "table": "data"}.items():
        print(f"{name + ':':<9}{os.path.join(done.folder, file)}")
    warn_of_divergence(done.results["runs"])
