"""`equimodal predict`: its texts, and what it prints."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from equimodal.cli.command import Command
from equimodal.comparison.command.values import whole_number
from equimodal.storage.printing import say, warn
from equimodal.workers.process import one_thread

if TYPE_CHECKING:
    from equimodal.data.table.reading.table import Table
    from equimodal.saved.model import Model

_DESCRIPTION = """\
Ask a model folder about the rows of a table (CSV, JSONL or Parquet) that has the columns of
training; a label is not needed. Writes a CSV with a line for each row: the class, the probability
of every class, what each modality says alone, what was missing, and where a row cannot be read the
reason. The samples take no memory; a killed command goes on with --resume."""

_EXAMPLES = """\
examples:
  equimodal predict results/my/model new.csv --out predictions.csv
  equimodal predict results/my/model new.csv --out predictions.csv --resume"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="folder that train, compare or choose left")
    parser.add_argument("rows", metavar="ROWS", help="path of the table")
    parser.add_argument("--out", metavar="FILE", required=True, help="the CSV that is written")
    add_reading(parser)
    parser.add_argument("--resume", action="store_true", help="continue what was interrupted")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Options of how a table is read, and where the model runs."""
    parser.add_argument("--data-root", metavar="DIR", help="folder that its paths start from")
    parser.add_argument("--device", metavar="NAME", default="cpu", help="cpu, cuda or cuda:1 (cpu)")
    parser.add_argument(
        "--jobs", type=whole_number, metavar="N", help="processes that read files (one a processor)"
    )


def tell_lacking(model: Model, table: Table) -> None:
    """Warn of what no row has: it may be another name of a column."""
    from equimodal.saved.rows import lacking, sources_of

    if gone := lacking(model, table):
        trained = model.description.table
        known = {*sources_of(model), *(trained.labels if trained else ())}
        rest = [name for name in table.columns if name not in known]
        more = f"; the table has {', '.join(rest)}, which it does not" if rest else ""
        warn(f"no row has {', '.join(gone)}, which the model reads{more}")


def tell_unknown(rows: int, example: str) -> None:
    """Say how many rows have a value that training did not have."""
    if rows:
        have = "row has" if rows == 1 else "rows have"
        say(f"{rows} {have} a value that training did not have, such as {example}")


def _run(arguments: argparse.Namespace) -> None:
    os.environ.update(one_thread(os.environ))  # read when torch is imported
    from equimodal.comparison.engines.worker import steady
    from equimodal.data.progress import shown
    from equimodal.saved.model import load
    from equimodal.saved.prediction_file import write_predictions
    from equimodal.saved.rows import opened

    steady()
    model = load(arguments.model, device=arguments.device)
    table, root = opened(model, arguments.rows, arguments.data_root, blank=True)
    tell_lacking(model, table)
    with shown(progress=True) as advance:
        done = write_predictions(
            model, table, root, Path(arguments.out), resume=arguments.resume, jobs=arguments.jobs,
            notify=lambda rows, total: advance("predicting", rows, total),
        )  # fmt: skip
    unread = f", {done.unread} of which could not be read (column problem)" if done.unread else ""
    say(f"predictions: {done.path} ({done.rows} rows{unread})")
    tell_unknown(done.unknown, done.example)


PREDICT = Command(
    "predict the rows of a table by a trained model", _DESCRIPTION, _EXAMPLES, _add_arguments, _run
)
