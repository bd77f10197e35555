"""`equimodal methods`: the methods, or one of them."""

import argparse

from equimodal.cli.command import Command
from equimodal.storage.printing import say


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="explain this method or row in full"
    )


def _run(arguments: argparse.Namespace) -> None:
    from equimodal.cli import catalogue

    say(catalogue.method(arguments.name) if arguments.name else catalogue.methods())


METHODS = Command("list the methods, or explain one", None, None, _add_arguments, _run)
