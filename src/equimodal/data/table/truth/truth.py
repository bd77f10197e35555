"""What a table says of its target, whatever the task is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.reading.findings import Finding
from equimodal.data.target import Target

Codes = NDArray[np.int64]
"""A whole number a sample: its class, or its split, 0 train, 1 validation, 2 test, -1 none. (N,)"""
SHOWN = 5
_LISTED = 12


@dataclass(frozen=True)
class Truth:
    """The columns of the target, and what their cells say.

    Args:
        columns: their names.
        cells: of each column, (N,).
        rows: the place of each sample in the table, as findings name it, (N,).
    """

    columns: tuple[str, ...]
    cells: tuple[list[str], ...]
    rows: list[int]

    @property
    def texts(self) -> list[str]:
        """What is said of each sample in one text, "" where nothing is. (N,)"""
        return ["; ".join(parts) if any(parts) else "" for parts in zip(*self.cells, strict=True)]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the outputs of a model, in order."""
        raise NotImplementedError

    @property
    def what(self) -> str:
        """The outputs as a line names them: "3 classes"."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The outputs with their first names."""
        names = self.names
        return f"{self.what} ({', '.join(names[:_LISTED])}{', ...' * (len(names) > _LISTED)})"

    def target(self, codes: Codes) -> Target:
        """The task, and what training says of it."""
        raise NotImplementedError

    def values(self, target: Target) -> NDArray[Any]:
        """The labels as training takes them. (N,), or (N, C)"""
        raise NotImplementedError

    def strata(self) -> Codes:
        """A number of each sample; those of one number are divided among the splits alike. (N,)"""
        raise NotImplementedError

    def doubts(self) -> list[Finding]:
        """What is missing, is wrong, or could mean another thing."""
        raise NotImplementedError

    def judged(self, codes: Codes) -> list[Finding]:
        """What is wrong with the labels of the splits."""
        raise NotImplementedError

    def balance(self, codes: Codes) -> Mapping[str, dict[str, Any]]:
        """What the target is in every split. {split: {name: ...}}"""
        raise NotImplementedError


def empty_cells(truth: Truth) -> list[Finding]:
    """A finding for each sample without a label, or with an empty cell of one of its columns."""
    found = []
    for name, cells in zip(truth.columns, truth.cells, strict=True):
        where = f" in '{name}'" if len(truth.columns) > 1 else ""
        found += [
            Finding("label", f"has no label{where}", row)
            for row, cell in zip(truth.rows, cells, strict=True)
            if not cell
        ]
    return found


def ids(cells: Sequence[str]) -> Codes:
    """A number for each value, equal where they are. (N,)"""
    return np.unique(np.array(cells), return_inverse=True)[1].astype(np.int64)


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:SHOWN]) + more


def unseen(names: Sequence[str], what: str) -> list[Finding]:
    """Findings of classes or labels that training has no sample of."""
    if len(names) > SHOWN:
        return [Finding("split", f"{len(names)} {what} have no training sample: {some(names)}")]
    one = {"classes": "class", "labels": "label"}[what]
    return [Finding("split", f"the {one} '{name}' has no training sample") for name in names]
