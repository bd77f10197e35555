"""The result of one run in a few lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from equimodal.comparison.words import duration, percent

_SPLITS = ("test", "validation")
_SCORES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "mean_average_precision": "mean average precision",
}
_BY_MODALITY = {"modality_accuracy": "inside", "probe_accuracy": "probe"}


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
    """Scores of a finished run on test and validation, in percent.

    ``inside`` is what the fused model's head makes of one modality, ``probe`` a linear probe of
    its encoder.
    """
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    drawn.add_column("percent")
    for split in _SPLITS:
        drawn.add_column(split, justify="right")
    measures = [dict(_measures(result[split])) for split in _SPLITS]
    for name in measures[0]:
        drawn.add_row(Text(name), *(percent(found[name]) for found in measures))
    return drawn


def _measures(split: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, name in _SCORES.items():
        yield name, split[key]
    for key, name in _BY_MODALITY.items():
        for modality, value in split[key].items():
            yield f"{name}: {modality}", value
