"""The result of one run in a few lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from equimodal.comparison.scores import WORDS, written
from equimodal.comparison.words import duration, percent
from equimodal.data.target import ACCURACY, main_keys

_SPLITS = ("test", "validation")


def run_line(result: Mapping[str, Any]) -> str:
    """How a run went: the epoch that was selected, the time, what a reader must know."""
    best = result["best_epoch"]
    parts = [
        "" if best is None else f"epoch {best + 1} of {result['epochs']} selected",
        duration(result["seconds"]),
        _speed(result),
        "" if result["acted"] else "did not act",
        result["message"] or "",
    ]
    return ", ".join(filter(None, parts))


def _speed(result: Mapping[str, Any]) -> str:
    if "samples_per_second" not in result:
        return ""
    waiting = percent(result["waiting_share"])
    return f"{result['samples_per_second']:,.0f} samples/s, {waiting} % of a step waiting for data"


def run_table(result: Mapping[str, Any]) -> Table:
    """Scores of a finished run on test and validation, in percent or the units of numbers.

    ``inside`` is what the fused model's head makes of one modality, ``probe`` a linear probe of
    its encoder.
    """
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    drawn.add_column("percent" if "mae" not in result["test"] else "percent, or units")
    for split in _SPLITS:
        drawn.add_column(split, justify="right")
    measures = [dict(_measures(result[split])) for split in _SPLITS]
    for name in measures[0]:
        drawn.add_row(Text(name), *(found[name] for found in measures))
    return drawn


def _measures(split: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name in WORDS.items():
        if key in split:
            yield name, written(key, split[key])
    _, inside, probe = main_keys("score" if "score" in split else ACCURACY)
    for key, name in ((inside, "inside"), (probe, "probe")):
        for modality, value in split[key].items():
            yield f"{name}: {modality}", percent(value)
