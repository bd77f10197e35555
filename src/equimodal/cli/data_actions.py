"""What `equimodal data` does besides showing: `check`, `get` and `convert`."""

import argparse

from equimodal.cli.command import Command
from equimodal.cli.data import CHECK
from equimodal.comparison.command.values import settings, whole_number
from equimodal.storage.printing import say, warn

_CONVERT = """\
Write the manifest of a data set from its official files: a CSV with one row per sample, and a
YAML beside it with what the columns are. Files that are missing or empty are counted and named;
nothing is written unless all is there. What takes long goes on where it was when repeated.
`equimodal data NAME` shows the files that are expected, their terms and the settings."""

_CONVERT_EXAMPLES = """\
examples:
  equimodal data convert cremad --data-root ~/CREMA-D --out cremad.csv
  equimodal data convert cremad --data-root ~/CREMA-D --out by-actor.csv --set cremad.split=actors
  equimodal compare --data cremad.csv --data-root ~/CREMA-D"""


_GET = """\
Fetch the files of a data set whose licence allows it (fsdd, mnist, avdigits), checked against
what was published. A download that was cut goes on where it was when repeated. For every other
set, print what to fetch where, and on which terms; then nothing is written. Proxies are those of
the environment (https_proxy)."""

_GET_EXAMPLES = """\
examples:
  equimodal data get avdigits --data-root ~/data
  equimodal compare --data avdigits --data-root ~/data
  equimodal data get cremad            what to fetch by hand, and its terms"""


def _add_get(parser: argparse.ArgumentParser) -> None:
    """The arguments of `equimodal data get`."""
    parser.add_argument("name", metavar="NAME", help="data set, see `equimodal data`")
    parser.add_argument("--data-root", metavar="DIR", help="folder for the files")
    parser.add_argument(
        "--from", dest="mirror", metavar="URL", help="another address of the folder of the files"
    )


def _get(arguments: argparse.Namespace) -> None:
    """Fetch a data set, or say where it is to be had."""
    from equimodal.data import download

    say(download.get(arguments.name, root=arguments.data_root, mirror=arguments.mirror))


def _add_convert(parser: argparse.ArgumentParser) -> None:
    """The arguments of `equimodal data convert`."""
    parser.add_argument("name", metavar="NAME", help="data set, see `equimodal data`")
    parser.add_argument("--data-root", metavar="DIR", required=True, help="its official folder")
    parser.add_argument("--out", metavar="CSV", required=True, help="the manifest to write")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        metavar="KEY=VALUE",
        default=[],
        help="setting of the converter, such as cremad.split=usual; repeatable",
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave out samples whose files are missing"
    )
    parser.add_argument(
        "--resume", action="store_true", help="write again over a manifest that exists"
    )
    parser.add_argument(
        "--jobs", type=whole_number, metavar="N", help="files made at a time (one per processor)"
    )


def _convert(arguments: argparse.Namespace) -> None:
    """Write a manifest and say what is in it."""
    from equimodal.data.converters.convert import convert as write

    summary = write(
        arguments.name,
        root=arguments.data_root,
        out=arguments.out,
        settings=_own(arguments.name, settings(arguments.settings)),
        allow_missing=arguments.allow_missing,
        resume=arguments.resume,
        jobs=arguments.jobs,
    )
    counts = ", ".join(f"{count} {split}" for split, count in summary.counts.items())
    say(f"{arguments.out}: {counts}; {summary.classes} classes")
    for note in summary.notes:
        say(note)
    if summary.left_out:
        warn(f"{summary.left_out} samples left out")


def _own(name: str, given: dict[str, object]) -> dict[str, object]:
    """The settings without the name of their data set.

    Raises:
        BalanceError: a key is not like NAME.setting.
    """
    from equimodal.errors import BalanceError

    for key in given:
        if not key.startswith(f"{name}."):
            raise BalanceError(
                f"--set {key} does not belong to {name}; write --set {name}.KEY=VALUE."
            )
    return {key.removeprefix(f"{name}."): value for key, value in given.items()}


ACTIONS = {
    "check": CHECK,
    "get": Command("fetch the files of a data set", _GET, _GET_EXAMPLES, _add_get, _get),
    "convert": Command(
        "make a table of official files", _CONVERT, _CONVERT_EXAMPLES, _add_convert, _convert
    ),
}
