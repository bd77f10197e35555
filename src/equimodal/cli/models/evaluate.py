"""`equimodal evaluate`: its texts, and what it prints."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from equimodal.cli.command import Command
from equimodal.cli.models.predict import add_reading, tell_lacking, tell_unknown
from equimodal.cli.shown import PIPE_WIDTH
from equimodal.comparison.scores import WORDS, with_ends
from equimodal.data.target import REGRESSION
from equimodal.storage.printing import say
from equimodal.workers.process import one_thread

_DESCRIPTION = """\
Judge a model folder on the rows of a table with labels: the scores of its task (accuracy, macro F1
and mean average precision of classes) and the loss with their 95 % intervals, the same of what each
modality says alone, recall and precision of each class or label, errors of each number; with
--robustness the score as each modality is dropped, noised and shuffled. Rows that cannot be read
are counted, named and left out."""

_EXAMPLES = """\
examples:
  equimodal evaluate results/my/model test.csv
  equimodal evaluate results/my/model test.csv --robustness
  equimodal evaluate results/my/model test.csv --json > evaluation.json"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="folder that train, compare or choose left")
    parser.add_argument("rows", metavar="ROWS", help="path of the table, with labels")
    parser.add_argument("--label", metavar="COLUMN", help="column of the labels (as in training)")
    parser.add_argument(
        "--group", metavar="COLUMN", help="column of what rows share, such as a speaker"
    )
    add_reading(parser)
    parser.add_argument(
        "--robustness", action="store_true",
        help="also drop, noise and shuffle each modality, in steps of 25 %%; reads the table twice",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")


def _run(arguments: argparse.Namespace) -> None:
    os.environ.update(one_thread(os.environ))  # read when torch is imported
    from equimodal.comparison.engines.worker import steady
    from equimodal.data.progress import shown
    from equimodal.saved.judgement import judged
    from equimodal.saved.model import load
    from equimodal.saved.rows import opened

    steady()
    model = load(arguments.model, device=arguments.device)
    table, root = opened(model, arguments.rows, arguments.data_root)
    tell_lacking(model, table)
    with shown(progress=True) as advance:
        found = judged(
            model, table, root, label=arguments.label, group=arguments.group, jobs=arguments.jobs,
            robustness=arguments.robustness,
            notify=lambda rows, total: advance("evaluating", rows, total),
        )  # fmt: skip
    if arguments.json:
        say(json.dumps(found, indent=1))
    else:
        _show(found)


def _show(found: Mapping[str, Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from equimodal.storage.console import Console

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    left = found["rows"] - found["judged"]
    say(f"{found['judged']} rows judged" + (f", {left} could not be read" if left else ""))
    for one in found["unread"]:
        say(f"  row {one['row']}: {one['problem']}")
    tell_unknown(**found["unknown"])
    plain: dict[str, Any] = {"box": box.SIMPLE_HEAD, "show_edge": False, "pad_edge": False}
    scores = Table(**plain)
    numbers = found["task"] == REGRESSION
    unit = "percent, or units" if numbers else "percent"
    for name in (unit, "[95 % interval]"):
        scores.add_column(Text(name), justify="left" if name == unit else "right")
    for name, value in _lines(found):
        scores.add_row(Text(name), Text(value))
    console.print(scores)
    console.print()
    console.print(_numbers(found, plain) if numbers else _classes(found, plain))
    if "robustness" in found:
        console.print()
        console.print(_robustness(found, plain))
    say(f"\nthe intervals rest on {_units(found)}, and hold for this training of the model alone")


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    loss = "loss, squared" if found["task"] == REGRESSION else "loss, nats"
    for key, value in found["scores"].items():
        yield WORDS.get(key, loss), _told(key, value)
    for m, own in found["modalities"].items():
        for key, value in own.items():
            yield f"{m} alone: {WORDS.get(key, loss)}", _told(key, value)
    for name, own in found.get("patterns", {}).items():
        main = next(key for key in own if key != "samples")
        yield f"{own['samples']} rows with {name}: {WORDS[main]}", _told(main, own[main])


def _told(key: str, value: Mapping[str, Any] | None) -> str:
    if key != "loss" or value is None:
        return with_ends(key, value)
    ends = "" if value["low"] is None else f" [{value['low']:.3f}, {value['high']:.3f}]"
    return f"{value['mean']:.3f}{ends}"


def _classes(found: Mapping[str, Any], plain: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    what = "labels" if "labels" in found else "classes"
    drawn = Table(**plain)
    heading = {"labels": "label", "classes": "class"}[what]
    for name in (heading, "rows", "recall", "precision"):
        drawn.add_column(name, justify="left" if name == heading else "right")
    for name, own in found[what].items():
        cells = [_told(key, own[key]) for key in ("recall", "precision")]
        drawn.add_row(Text(name), str(own["samples"]), *map(Text, cells))
    return drawn


def _numbers(found: Mapping[str, Any], plain: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(**plain)
    keys = list(next(iter(found["numbers"].values())))
    for name in ("number", *(WORDS[key] for key in keys)):
        drawn.add_column(name, justify="left" if name == "number" else "right")
    for name, own in found["numbers"].items():
        drawn.add_row(Text(name), *(Text(_told(key, own[key])) for key in keys))
    return drawn


def _robustness(found: Mapping[str, Any], plain: dict[str, Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    told, main = found["robustness"], next(iter(found["scores"]))
    drawn = Table(**plain)
    drawn.add_column(f"{WORDS[main]} by how much")
    for level in told["levels"]:
        drawn.add_column(f"{level:.0%}", justify="right")
    drawn.add_column("relative robustness", justify="right")
    for kind, own in told["curves"].items():
        for m, curve in own.items():
            scores = [_told(main, {**one, "low": None}) for one in curve["scores"]]
            cells = [f"{m} {kind}", *scores, _told(main, curve["relative"])]
            drawn.add_row(*map(Text, cells))
    return drawn


def _units(found: Mapping[str, Any]) -> str:
    count = found["scores"]["loss"]["units"]
    return f"{count} {found['unit']}{'s' * (count != 1)}"


EVALUATE = Command(
    "judge a trained model on a table with labels", _DESCRIPTION, _EXAMPLES, _add_arguments, _run
)
