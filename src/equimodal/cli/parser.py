"""What the command line takes: its commands, options and help texts."""

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from equimodal import __version__
from equimodal.cli.choose import CHOOSE
from equimodal.cli.command import Command
from equimodal.cli.compare import COMPARE
from equimodal.cli.data import DATA
from equimodal.cli.data_actions import ACTIONS
from equimodal.cli.diagnose import DIAGNOSE
from equimodal.cli.methods import METHODS
from equimodal.cli.models.evaluate import EVALUATE
from equimodal.cli.models.export import EXPORT
from equimodal.cli.models.predict import PREDICT
from equimodal.cli.report import REPORT
from equimodal.cli.reproduce import REPRODUCE
from equimodal.cli.train import TRAIN
from equimodal.errors import BalanceError, did_you_mean

_DESCRIPTION = """\
Balanced multimodal learning: trains joint models, their baselines and methods that keep one
modality from starving the others, on the same data, budget and seeds, and shows who wins."""

_EXAMPLES = """\
examples:
  equimodal compare                        every method on keypad; made on the spot, no download
  equimodal train --method amss            one method with one seed, on one machine or on several
  equimodal reproduce amss/cremad --tiny   a paper's experiment, here on generated samples
  equimodal diagnose results/keypad        is a modality under-trained, and what fits
  equimodal choose --budget 10m            try what fits, and hand back the best
  equimodal methods amss                   what a method does, and its settings
  equimodal data avdigits                  what a data set is, and where to get its files
  equimodal data check my.csv              what is wrong with a table of your own
  equimodal data get avdigits --help       fetch the files of a data set
  equimodal data convert cremad --help     from official files to a table that compare reads
  equimodal report results/keypad          write the page of a finished comparison again
  equimodal predict results/my/model new.csv --out predictions.csv
  equimodal evaluate results/my/model test.csv
  equimodal export results/my/model --format onnx --out my.onnx

Run `equimodal COMMAND --help` for the options of a command."""

_COMMANDS = {
    "compare": COMPARE,
    "train": TRAIN,
    "reproduce": REPRODUCE,
    "diagnose": DIAGNOSE,
    "choose": CHOOSE,
    "methods": METHODS,
    "data": DATA,
    "report": REPORT,
    "predict": PREDICT,
    "evaluate": EVALUATE,
    "export": EXPORT,
}
_LOADING = ("compare", "train", "diagnose", "choose", "predict", "evaluate", "export")
_OPTIONS = ("-h", "--help", "--version")


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are `BalanceError`s, so that all errors print alike."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in the base class, but nothing may be left over."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            known = re.findall(r"--[a-z-]+", self.format_usage())
            self.error(f"unknown argument '{rest[0]}'.{did_you_mean(rest[0], known)}")
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Raise the message, with the command that explains."""
        raise BalanceError(f"{message.removesuffix('.')} (see `{self.prog} --help`)")


def parse(given: Sequence[str]) -> argparse.Namespace:
    """The arguments of the command; without any, the help.

    Raises:
        BalanceError: a command, option or value is not known or cannot be read.
    """
    first = given[0] if given else "--help"
    if first not in (*_COMMANDS, *_OPTIONS):
        kind = "option" if first.startswith("-") else "command"
        raise BalanceError(
            f"unknown {kind} '{first}'.{did_you_mean(first, (*_COMMANDS, *_OPTIONS))} "
            f"Write a command first: {', '.join(_COMMANDS)}."
        )
    if first == "data" and given[1:2] and given[1] in ACTIONS:
        return _parse_action(given[1], given[2:])
    return _build_parser().parse_args(given or ["--help"])


def takes_seconds(given: Sequence[str]) -> bool:
    """Whether a line, which `parse` understood, is of a command that has to load PyTorch."""
    recipe = given[0] == "reproduce" and len(given) > 1 and "--show" not in given
    return recipe or given[0] in _LOADING


def _parse_action(name: str, given: Sequence[str]) -> argparse.Namespace:
    """The arguments of `equimodal data NAME`, where NAME is no data set but something to do."""
    parser = _Parser(prog=f"equimodal data {name}", **_texts(ACTIONS[name]))
    _fill(parser, ACTIONS[name])
    parser.set_defaults(command="data")
    return parser.parse_args(given)


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="equimodal", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"equimodal {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", required=True
    )
    for name, command in _COMMANDS.items():
        _fill(commands.add_parser(name, help=command.help, **_texts(command)), command)
    return parser


def _texts(command: Command) -> dict[str, Any]:
    return {"description": command.description, "epilog": command.examples}


def _fill(parser: argparse.ArgumentParser, command: Command) -> None:
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
