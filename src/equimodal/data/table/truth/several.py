"""Several labels a sample: a column of names with a separator, or a column of 1 and 0 a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.reading.labels import (
    classes,
    is_list,
    placeholders,
    several,
    state,
    typos,
)
from equimodal.data.table.truth.truth import Codes, Truth, empty_cells, some, unseen
from equimodal.data.target import MULTI_LABEL, Target

States = NDArray[np.int64]


@dataclass(frozen=True)
class Labels(Truth):
    """The labels of a column, or of columns.

    Args:
        separator: what stands between the names of a cell; "" where each column is a label.
    """

    separator: str = ""

    @cached_property
    def parts(self) -> list[list[str]]:
        """The names in each cell, as they stand there."""
        (cells,) = self.cells
        return [[p.strip() for p in c.split(self.separator)] if c else [] for c in cells]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the labels: in the order of their columns, or as classes are."""
        if not self.separator:
            return self.columns
        return classes([name for parts in self.parts for name in parts])

    @property
    def what(self) -> str:
        """How many labels there are."""
        count = len(self.names)
        return f"{count} label{'s' * (count != 1)}"

    @property
    def texts(self) -> list[str]:
        """The cell, or of columns the names that are true. (N,)"""
        if self.separator:
            return list(self.cells[0])
        return [", ".join(n for n, s in zip(self.names, row, strict=True) if s) or "none"
                for row in self.states]  # fmt: skip

    @cached_property
    def states(self) -> States:
        """1 where a sample has a label. (N, C)"""
        if not self.separator:
            read = [[int(state(cell) or 0) for cell in cells] for cells in self.cells]
            return np.array(read, np.int64).T
        places = {name: place for place, name in enumerate(self.names)}
        found = np.zeros((len(self.rows), len(places)), np.int64)
        for row, parts in enumerate(self.parts):
            for name in filter(None, parts):
                found[row, places[name]] = 1
        return found

    def target(self, codes: Codes) -> Target:
        """Nothing is fitted."""
        return Target(MULTI_LABEL)

    def values(self, target: Target) -> States:
        """1 where a sample has a label. (N, C)"""
        return self.states

    def strata(self) -> Codes:
        """The rarest label that a sample has; -1 for none. (N,)"""
        counts = self.states.sum(0)
        ranked = np.where(self.states > 0, counts, len(self.rows) + 1)
        found: Codes = np.where(self.states.any(1), ranked.argmin(1), -1)
        return found

    def doubts(self) -> list[Finding]:
        """Cells that hold no states, or no names."""
        return list(self._of_names() if self.separator else self._of_columns())

    def _of_columns(self) -> Iterator[Finding]:
        yield from empty_cells(self)
        for name, cells in zip(self.columns, self.cells, strict=True):
            for row, cell in zip(self.rows, cells, strict=True):
                if cell and state(cell) is None:
                    text = f"'{cell[:40]}' in '{name}' is no state of a label; write 1 or 0"
                    yield Finding("label", text, row)

    def _of_names(self) -> Iterator[Finding]:
        (cells,), sign = self.cells, self.separator
        if not any(sign in cell for cell in cells):
            text = (
                f"no cell holds the separator '{sign}', so that no sample has several labels; "
                "write another separator, or task: classification"
            )
            yield Finding("several", text)
        for row, cell, parts in zip(self.rows, cells, self.parts, strict=True):
            twice = [name for name, count in Counter(parts).items() if count > 1 and name]
            if not cell:
                text = "has no label: none of them, or not known?"
                yield Finding("unlabelled", text, row)
            elif is_list(cell):
                text = f"'{cell[:40]}' is a list in brackets; write names with '{sign}' between"
                yield Finding("label", text, row)
            elif "" in parts:
                text = f"'{cell[:40]}' has nothing at one side of '{sign}'; write a label there"
                yield Finding("label", text, row)
            elif twice:
                yield Finding("label", f"names '{twice[0]}' twice", row)
        yield from several(*self._flat)
        yield from placeholders(*self._flat, "the label")

    @property
    def _flat(self) -> tuple[list[str], list[int]]:
        """Every name that a cell holds, and the row of it."""
        pairs = zip(self.rows, self.parts, strict=True)
        found = [(name, row) for row, parts in pairs for name in parts if name]
        return [name for name, _ in found], [row for _, row in found]

    def judged(self, codes: Codes) -> list[Finding]:
        """Names that look like another, labels that training cannot learn, and splits by which no
        label can be judged."""
        found = typos(*self._flat) if self.separator else []
        if (codes < 0).all():
            return found
        trained = self.states[codes == 0]
        for code, split in enumerate(SPLITS):
            own = self.states[codes == code]
            if not len(own):
                found.append(Finding("split", f"no sample is in {split}"))
            elif not (own.any(0) & ~own.all(0)).any():
                text = f"no label is true of some samples of {split} and not of others"
                found.append(Finding("split", text))
        if not len(trained):
            return found
        always = [n for n, every in zip(self.names, trained.all(0), strict=True) if every]
        if always:
            found.append(Finding("split", f"all training samples have the labels {some(always)}"))
        never = [n for n, any_ in zip(self.names, trained.any(0), strict=True) if not any_]
        return found + unseen(never, "labels")

    def balance(self, codes: Codes) -> Mapping[str, dict[str, int]]:
        """How many samples of a split have each label. {split: {label: count}}"""
        return {
            split: dict(zip(self.names, self.states[codes == code].sum(0).tolist(), strict=True))
            for code, split in enumerate(SPLITS)
        }
