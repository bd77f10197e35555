"""`equimodal data`: the data sets, one of them, a table of one's own, and its check."""

import argparse
import json

from equimodal.cli.command import Command
from equimodal.comparison.command.values import whole_number
from equimodal.errors import BalanceError, counted
from equimodal.storage.printing import say

_DESCRIPTION = """\
Without a name, list the data sets. With one, or with the path of a table of your own (CSV, JSONL,
Parquet, or a folder of Hugging Face datasets), explain it."""

_EXAMPLES = """\
examples:
  equimodal data
  equimodal data avdigits
  equimodal data my.csv                    how the columns of a table are understood
  equimodal data check my.csv              what is wrong with it
  equimodal data get NAME | convert NAME   fetch files, or make a table of them"""

_CHECK = """\
Read every file of a table of your own (CSV, JSONL or Parquet) once and report what was found:
counts, shapes, lengths, classes by split, and each fault with its row. Nothing is changed. The exit
code is 2 where training would be wrong or impossible, else 0."""

_CHECK_EXAMPLES = """\
examples:
  equimodal data check my.csv
  equimodal data check my.csv --json       every finding, for programs"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="explain this data set or table")
    parser.add_argument("--data-root", metavar="DIR", help="folder that a table's paths start from")


def _run(arguments: argparse.Namespace) -> None:
    say(shown(arguments.name, root=arguments.data_root))


def shown(name: str | None, *, root: str | None) -> str:
    """What `equimodal data [NAME]` prints.

    Raises:
        BalanceError: there is no such data set, or the table cannot be read.
    """
    from equimodal.cli import catalogue
    from equimodal.data.table import is_manifest

    if name is None:
        return catalogue.sources()
    if not is_manifest(name):
        return catalogue.source(name)
    from equimodal.data.table.reading.explanation import explained

    return explained(name, root=root)


def _add_check(parser: argparse.ArgumentParser) -> None:
    """The arguments of `equimodal data check`."""
    parser.add_argument("table", metavar="TABLE", help="path of the table")
    parser.add_argument("--data-root", metavar="DIR", help="folder that its paths start from")
    parser.add_argument("--jobs", type=whole_number, metavar="N", help="processes that read files")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def _check(arguments: argparse.Namespace) -> None:
    """Check a table and print the report.

    Raises:
        BalanceError: it is no table, cannot be read, or has problems.
    """
    from equimodal.data.table import FORMS, is_manifest

    table = arguments.table
    if not is_manifest(table):
        raise BalanceError(f"'{table}' is no table; give the path of one ({FORMS}).")
    from equimodal.data.table.check.check import check as read
    from equimodal.data.table.check.report import as_json, as_text

    report = read(table, root=arguments.data_root, jobs=arguments.jobs, progress=True)
    say(json.dumps(as_json(report), indent=1) if arguments.json else as_text(report))
    if report.problems:
        one = len(report.problems) == 1
        raise BalanceError(
            f"{table} has {counted(len(report.problems), 'problem')} that "
            f"{'makes' if one else 'make'} training wrong or impossible, as listed above."
        )


DATA = Command("list the data sets, or explain one", _DESCRIPTION, _EXAMPLES, _add_arguments, _run)
CHECK = Command("find what is wrong with a table", _CHECK, _CHECK_EXAMPLES, _add_check, _check)
