"""What every command of the command line has."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from equimodal.cli.options import add_options


@dataclass(frozen=True)
class Command:
    """A command: its texts, its arguments, and how it is done.

    Args:
        help: its line in the help of all commands.
        description: what its own help says above the options.
        examples: what its own help says below them.
        add_arguments: adds its arguments to a parser.
        run: does it.
    """

    help: str
    description: str | None
    examples: str | None
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


def with_options(
    name: str, *, help: str, description: str, examples: str,
    run: Callable[[argparse.Namespace], None],
) -> Command:  # fmt: skip
    """A command whose options are in the table under its name."""
    return Command(help, description, examples, lambda parser: add_options(parser, name), run)
