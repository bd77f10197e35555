"""A row's cells of numbers and categories: -> (D,), by what the training rows said of them.

First stand the numbers, empty ones filled by the median of training; then, of each number that was
empty in training, 1 where it is; then each category, 1 at the place of its value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from equimodal.data.table.items.decode import Item, Reader
from equimodal.data.table.items.numbers import in_precision, single
from equimodal.data.table.reading.findings import Unfit


def joined(cells: Sequence[str]) -> str:
    """The cells of a row as one."""
    return json.dumps(list(cells), ensure_ascii=False)


def empty(source: str, names: Sequence[str]) -> list[str]:
    """The columns whose cell a row lacks; ``names`` are those of all. (D,)"""
    return [name for name, cell in zip(names, json.loads(source), strict=True) if not cell]


def facts(source: str) -> dict[str, Any]:
    """Each cell, counted."""
    return {"cells": [{cell: 1} for cell in json.loads(source)]}


def decode(source: str, settings: Mapping[str, Any]) -> Item:
    """A row's cells as numbers (D,).

    A value that training does not have stands at the place of the rare ones, or at none.

    Raises:
        Unfit: a cell of a number holds none, or one that is not finite.
    """
    cells = json.loads(source)
    numbers, categories = settings["numbers"], settings["categories"]
    read = [value(cell, own["name"]) for cell, own in zip(cells, numbers, strict=False)]
    filled = [own["fill"] if v is None else v for v, own in zip(read, numbers, strict=True)]
    marks = [float(v is None) for v, own in zip(read, numbers, strict=True) if own["marked"]]
    places: list[float] = []
    warnings = []
    for cell, own in zip(cells[len(numbers) :], categories, strict=True):
        places += _place(cell, own)
        if cell and cell not in own["values"] and not own["others"]:
            said = f"'{cell[:40]}' in '{own['name']}' is in no training row"
            warnings.append(("unknown", said))
    row = in_precision(np.array([*filled, *marks, *places], np.float64), settings)
    return Item(row, row.shape, warnings=warnings)


def value(cell: str, name: str) -> float | None:
    """The number in a cell, None for an empty one.

    Raises:
        Unfit: it holds another thing.
    """
    if not cell:
        return None
    found = single(cell)
    if found is None or not isfinite(found):
        raise Unfit(
            "unreadable",
            f"'{cell[:40]}' in '{name}' is no number; leave the cell empty where there is none",
        )
    return found


def _place(cell: str, own: Mapping[str, Any]) -> list[float]:
    """1 at the place of a value, or at that of all rare ones, where there is one."""
    found = [float(cell == value) for value in own["values"]]
    return [*found, float(not any(found))] if own["others"] else found


READERS = {"table": Reader(decode, facts)}
