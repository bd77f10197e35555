"""`equimodal report`: the table and the page of results that are there."""

import argparse

from equimodal.checks import require_choice
from equimodal.cli.command import Command
from equimodal.cli.shown import show
from equimodal.errors import BalanceError
from equimodal.storage.printing import say

_DESCRIPTION = """\
Print the table of a finished comparison and write its page again; or, with --format, print the
comparison for a document or a program."""

_EXAMPLES = """\
examples:
  equimodal report results/keypad
  equimodal report results/keypad --beside results/keypad-long
  equimodal report results/keypad --format markdown > keypad.md
  equimodal report results/keypad --format csv > keypad.csv
  equimodal report results/keypad --format latex > keypad.tex"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="folder that holds results.json")
    parser.add_argument(
        "--data-root", metavar="ROOT", help="choose the samples of the page anew from these data"
    )

    parser.add_argument(
        "--beside", metavar="OTHER",
        help="show on the page another comparison of the same data beside this one",
    )  # fmt: skip
    parser.add_argument(
        "--format", metavar="NAME",
        help="print the comparison as markdown, csv or latex, and write no page",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> None:
    from equimodal import report

    results = report.read_results(arguments.folder)
    if arguments.format is not None:
        from equimodal.report.plain import FORMATS

        for flag in ("--data-root", "--beside"):
            if getattr(arguments, flag.strip("-").replace("-", "_")) is not None:
                raise BalanceError(f"{flag} is for the page, which --format does not write.")
        form = require_choice("--format", arguments.format, list(FORMATS))
        words = report.verdict_words(arguments.folder, results)
        say(FORMATS[form](results, words).rstrip("\n"))
        return
    if arguments.beside is not None:  # refused before anything is written
        report.beside(arguments.folder, results, arguments.beside)
    report.renew(arguments.folder, results, arguments.data_root)
    show(results, arguments.folder)
    say(f"page:    {report.write_page(arguments.folder, arguments.beside)}")


REPORT = Command(
    "print the table and write report.html again", _DESCRIPTION, _EXAMPLES, _add_arguments, _run
)
