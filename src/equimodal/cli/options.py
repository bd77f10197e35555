"""The table of options as argparse takes it."""

import argparse
from typing import Any

from equimodal.comparison.command.options import COMMANDS, Option, options_of


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """The options of a command, in the groups that its help shows."""
    for title, options in COMMANDS[command].items():
        place = parser.add_argument_group(title) if title else parser
        for option in options:
            _add(place, option)


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The values that the command line holds, and no others, by their names.

    Raises:
        BalanceError: a repeated option is wrong or says something twice.
    """
    known = options_of(arguments.command)
    return {
        name: known[name].read(value) if known[name].repeated else value
        for name, value in vars(arguments).items()
        if name in known
    }


def _add(place: argparse._ActionsContainer, option: Option) -> None:
    # What is not given leaves no trace: 0 and the empty text are values as any other.
    how: dict[str, Any] = {"help": option.help, "default": argparse.SUPPRESS}
    if not option.flag:
        place.add_argument(option.name, nargs="?", metavar=option.metavar, **how)
    elif option.metavar is None:
        place.add_argument(option.flag, dest=option.name, action="store_true", **how)
    else:
        how |= {"action": "append"} if option.repeated else {"type": option.read}
        place.add_argument(
            option.flag, dest=option.name, metavar=option.metavar, required=option.required, **how
        )
