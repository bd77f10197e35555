"""What the training rows say of columns of numbers and categories, through scikit-learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from equimodal.data.table.items.digits import DOUBLE, as_lists, needs_double, range_of
from equimodal.data.table.items.tables import value
from equimodal.data.table.reading.findings import Unfit

MOST = 100
"""Values of a category that have a place of their own, unless it is declared."""

Counts = Mapping[str, int]
"""How often each cell of a column occurs in training."""


def counted(facts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The facts of many rows as those of one: the cells of every column, counted."""
    counts: list[Counter[str]] = [Counter() for _ in facts[0]["cells"]]
    for fact in facts:
        for own, more in zip(counts, fact["cells"], strict=True):
            own.update(more)
    return [{"cells": counts}]


def fitted(
    declared: Mapping[str, Any], facts: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], tuple[int], str]:
    """All settings of a modality, the shape of its rows, and their type.

    A number has a place, and one more that says where its cell is empty if some are in training; a
    category has a place for each of its values, of which the rarest share the last one.

    Args:
        declared: ``numbers`` and ``categories``, names of columns in the order of a row's cells,
            and ``most``, the values of a category that have a place.
        facts: of the training rows.
    """
    numbers, categories = declared["numbers"], declared["categories"]
    empty: list[Counts] = [{} for _ in (*numbers, *categories)]
    counts = counted(facts)[0]["cells"] if facts else empty
    of_numbers = dict(zip(numbers, counts, strict=False))
    of_categories = dict(zip(categories, counts[len(numbers) :], strict=True))
    most = declared.get("most", MOST)
    found: dict[str, Any] = {
        "numbers": [_number(name, own) for name, own in of_numbers.items()],
        "categories": [_category(name, own, most) for name, own in of_categories.items()],
        "most": most,
    }
    double = any(_needs_double(own) for own in of_numbers.values())
    if double:
        found["digits"] = DOUBLE
    return found, (_width(found),), "f8" if double else "f4"


def _width(settings: Mapping[str, Any]) -> int:
    """How many numbers a row has."""
    marks = sum(number["marked"] for number in settings["numbers"])
    places = sum(len(own["values"]) + own["others"] for own in settings["categories"])
    return int(len(settings["numbers"]) + marks + places)


def _number(name: str, counts: Counts) -> dict[str, Any]:
    """The median of a column, which fills its empty cells, and whether they are marked."""
    from sklearn.impute import SimpleImputer

    read = _values(counts)
    column = np.repeat([*read, np.nan], [*read.values(), counts.get("", 0) or not read])
    made = SimpleImputer(strategy="median", keep_empty_features=True).fit(column[:, None])
    fill = float(np.nan_to_num(made.statistics_[0]))
    return {"name": name, "fill": fill, "marked": bool(read and counts.get("", 0))}


def _category(name: str, counts: Counts, most: int) -> dict[str, Any]:
    """The values of a column that have a place of their own, and whether others share one."""
    from sklearn.preprocessing import OneHotEncoder

    filled = {cell: count for cell, count in counts.items() if count} or {"": 1}
    column = np.repeat(np.array(list(filled), object), list(filled.values()))
    made = OneHotEncoder(max_categories=most, handle_unknown="infrequent_if_exist")
    made.fit(column[:, None])
    rare = made.infrequent_categories_[0]
    shared = set() if rare is None else set(rare)
    values = [cell for cell in made.categories_[0].tolist() if cell not in shared]
    return {"name": name, "values": values, "others": bool(shared)}


def _values(counts: Counts) -> dict[float, int]:
    """The numbers of a column and how often each occurs; cells that hold none are left out."""
    found: Counter[float] = Counter()
    for cell, count in counts.items():
        try:
            read = value(cell, "")
        except Unfit:
            continue
        if read is not None:
            found[read] += count
    return dict(+found)


def _needs_double(counts: Counts) -> bool:
    read = np.array(list(_values(counts)))
    return bool(read.size) and needs_double(as_lists(range_of(read, columns=False)))


def in_short(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as a report has them: of a category how many values there are."""
    short = [
        {**own, "values": len({*own["values"]} - {""}), "marked": "" in own["values"]}
        for own in settings["categories"]
    ]
    return {**settings, "categories": short}


def lines(settings: Mapping[str, Any]) -> list[str]:
    """The settings for people, a line for the numbers and one for the categories."""
    numbers = [
        f"{own['name']} (empty: {own['fill']:.6g}{', marked' * own['marked']})"
        for own in settings["numbers"]
    ]
    categories = [
        f"{own['name']} ({own['values']} values{', the others together' * own['others']}"
        f"{', empty ones marked' * own['marked']})"
        for own in settings["categories"]
    ]
    told = {"numbers": numbers, "categories": categories}
    return [f"{what}: {', '.join(own)}" for what, own in told.items() if own]
