"""What the command line takes: its commands, options and help texts."""

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from equimodal import __version__
from equimodal.cli import choose as cli_choose
from equimodal.cli import diagnose as cli_diagnose
from equimodal.cli.data_actions import ACTIONS
from equimodal.cli.options import add_compare, add_train
from equimodal.cli.reproduce import DESCRIPTION, EXAMPLES, add_reproduce
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

Run `equimodal COMMAND --help` for the options of a command."""

_COMPARE = """\
Train every row (a method or a baseline) on one data set with the same budget, print the table,
and write results.json and report.html. Every run is its own folder and survives a kill:
repeat the same command with --resume. Results that exist are never overwritten without it."""

_COMPARE_EXAMPLES = """\
examples:
  equimodal compare
  equimodal compare --methods joint,amss,amss-fixed --seeds 5 --out results/amss
  equimodal compare --lr 0.01,0.03,0.1 --set dus.gamma=2 --set keypad.snr=5 --out results/search
  equimodal compare --data avdigits --data-root ~/data --objective fused+unimodal --out results/av
  equimodal compare --data my.csv          a table of your own, see docs/manifest.md
  equimodal compare --resume               continue after a kill, or show the table again"""

_TRAIN = """\
Train one row with one seed into the folder runs/<row>/seed-<n> below --out, as compare does: a
later `equimodal compare --resume` with the same arguments uses it. Under torchrun or srun all
processes train the run together."""

_TRAIN_EXAMPLES = """\
examples:
  equimodal train --method amss --seed 1
  equimodal train --method amss --seed 1 --resume          continue after a kill
  torchrun --nproc-per-node 2 -m equimodal train --method amss --batch-size 128
  torchrun --nnodes 2 --node-rank 0 --nproc-per-node 1 --master-addr HOST --master-port 29500 \\
      -m equimodal train --method amss         and on the second machine --node-rank 1

SLURM, and what several processes change: docs/several-machines.md"""

_DATA = """\
Without a name, list the data sets. With one, or with the path of a table of your own (CSV, JSONL
or Parquet), explain it."""

_DATA_EXAMPLES = """\
examples:
  equimodal data
  equimodal data avdigits
  equimodal data my.csv                    how the columns of a table are understood
  equimodal data check my.csv              what is wrong with it
  equimodal data get NAME | convert NAME   fetch files, or make a table of them"""

_COMMANDS = (
    "compare", "train", "reproduce", "diagnose", "choose", "methods", "data", "report",
)  # fmt: skip
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


def _parse_action(name: str, given: Sequence[str]) -> argparse.Namespace:
    """The arguments of `equimodal data NAME`, where NAME is no data set but something to do."""
    action = ACTIONS[name]
    parser = _Parser(
        prog=f"equimodal data {name}", description=action.description, epilog=action.examples
    )
    parser.set_defaults(command="data", run=action.run)
    action.add_arguments(parser)
    return parser.parse_args(given)


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="equimodal", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"equimodal {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", required=True
    )
    compare = commands.add_parser(
        "compare",
        help="train methods and baselines, show who wins",
        description=_COMPARE,
        epilog=_COMPARE_EXAMPLES,
    )
    add_compare(compare)
    train = commands.add_parser(
        "train",
        help="train one method with one seed, on any number of machines",
        description=_TRAIN,
        epilog=_TRAIN_EXAMPLES,
    )
    add_train(train)
    add_reproduce(commands.add_parser(
        "reproduce",
        help="run the recipe of a paper and data set, or list the recipes",
        description=DESCRIPTION,
        epilog=EXAMPLES,
    ))  # fmt: skip
    diagnose = commands.add_parser(
        "diagnose",
        help="say whether a modality is under-trained, and what fits",
        description=cli_diagnose.DESCRIPTION,
        epilog=cli_diagnose.EXAMPLES,
    )
    cli_diagnose.add_arguments(diagnose)
    diagnose.set_defaults(run=cli_diagnose.run)
    choose = commands.add_parser(
        "choose",
        help="try what the diagnosis suggests, under a time budget",
        description=cli_choose.DESCRIPTION,
        epilog=cli_choose.EXAMPLES,
    )
    cli_choose.add_arguments(choose)
    choose.set_defaults(run=cli_choose.run)
    methods = commands.add_parser("methods", help="list the methods, or explain one")
    methods.add_argument("name", nargs="?", metavar="NAME", help="explain this method in full")
    data = commands.add_parser(
        "data", help="list the data sets, or explain one", description=_DATA, epilog=_DATA_EXAMPLES
    )
    data.add_argument("name", nargs="?", metavar="NAME", help="explain this data set or table")
    data.add_argument("--data-root", metavar="DIR", help="folder that a table's paths start from")
    report = commands.add_parser("report", help="print the table and write report.html again")
    report.add_argument("folder", metavar="DIR", help="folder that holds results.json")
    report.add_argument(
        "--data-root", metavar="ROOT", help="choose the samples of the page anew from these data"
    )
    return parser
