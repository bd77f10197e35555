"""Two comparisons of the same data side by side: their rows, and the settings that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equimodal.comparison.words import ABSENT, mean_and_sd, points
from equimodal.errors import BalanceError
from equimodal.report.charts.chart_numbers import Table
from equimodal.report.read.reading import Results, read_results
from equimodal.report.read.rows import (
    main_name,
    main_words,
    ordered_rows,
    reported,
    spread,
    with_interval,
)

_LISTED = ("methods", "data_summary", "left_out", "own_fusions")
"""What a configuration holds of rows and data, which the table of rows shows."""


@dataclass(frozen=True)
class Beside:
    """Names of two folders, their rows, and the settings in which they differ."""

    names: tuple[str, str]
    rows: Table
    settings: Table


def beside(folder: str | Path, results: Results, other: str | Path) -> Beside:
    """The comparison in ``folder`` beside the one in ``other``.

    Raises:
        BalanceError: ``other`` holds no results, or those of other data or of another score.
    """
    theirs = read_results(other)
    check_alike(results, theirs, str(other))
    names = _names(Path(folder), Path(other))
    score = main_words(results)
    rows = list(dict.fromkeys([*ordered_rows(results), *ordered_rows(theirs)]))
    headings = (
        "row",
        *(f"{what}, {name}" for name in names for what in (f"{score} %", "vs joint")),
        f"{names[0]} minus {names[1]}",
    )
    lines = [tuple(_cells(row, results, theirs)) for row in rows]
    return Beside(names, Table(headings, lines), _settings(results, theirs, names))


def check_alike(results: Results, theirs: Results, other: str) -> None:
    """Raises `BalanceError` where two comparisons are not of the same data and score."""
    each = [(_data(found), main_name(found)) for found in (results, theirs)]
    (ours, score), (others, other_score) = each
    wrong = [key for key in ours if ours[key] != others[key]]
    if score != other_score:
        raise BalanceError(
            f"{other} cannot stand beside this comparison: its rows are held against each other by "
            f"{main_words(theirs)}, here by {main_words(results)}. Name a folder of that score."
        )
    if wrong:
        key = wrong[0]
        raise BalanceError(
            f"{other} cannot stand beside this comparison: the {key} of its data differ, "
            f"{_short(others[key])} there and {_short(ours[key])} here. Name a folder of the same "
            "data."
        )


def _data(results: Results) -> dict[str, Any]:
    data, config = results["data"], results["config"]
    return {
        "name": data["name"],
        "modalities": {m: about.get("shape") for m, about in data["modalities"].items()},
        "classes": data.get("classes"),
        "sizes": data.get("sizes"),
        "settings": config.get("data_settings"),
    }


def _short(value: object) -> str:
    told = _plain(value)
    return told if len(told) <= 80 else f"{told[:77]}..."


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    return "none" if value is None else str(value)


def _names(folder: Path, other: Path) -> tuple[str, str]:
    """The names of two folders, with those of the folders above where they are the same."""
    one, two = folder.resolve(), other.resolve()
    if one.name != two.name:
        return one.name, two.name
    return f"{one.parent.name}/{one.name}", f"{two.parent.name}/{two.name}"


def _cells(row: str, *both: Results) -> Iterator[str]:
    yield row
    means = []
    for results in both:
        mean, sd = spread(results, row, "accuracy")
        means.append(mean)
        yield mean_and_sd(mean, sd)
        yield with_interval(reported(results, row, "difference_to_joint"))
    ours, theirs = means
    yield ABSENT if ours is None or theirs is None else points(ours - theirs)


def _settings(results: Results, theirs: Results, names: tuple[str, str]) -> Table:
    ours, others = ({**found["config"], **found["environment"]} for found in (results, theirs))
    keys = [key for key in dict.fromkeys([*ours, *others]) if key not in _LISTED]
    lines = [
        (key.replace("_", " "), _plain(ours.get(key)), _plain(others.get(key)))
        for key in keys
        if ours.get(key) != others.get(key)
    ]
    return Table(("setting", *names), lines)
