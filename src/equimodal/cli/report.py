"""`equimodal report`: the table and the page of results that are there."""

import argparse

from equimodal.cli.command import Command
from equimodal.cli.shown import show
from equimodal.storage.printing import say


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="folder that holds results.json")
    parser.add_argument(
        "--data-root", metavar="ROOT", help="choose the samples of the page anew from these data"
    )


def _run(arguments: argparse.Namespace) -> None:
    from equimodal import report

    results = report.read_results(arguments.folder)
    show(results)
    report.renew(arguments.folder, results, arguments.data_root)
    say(f"page:    {report.write_page(arguments.folder)}")


REPORT = Command("print the table and write report.html again", None, None, _add_arguments, _run)
