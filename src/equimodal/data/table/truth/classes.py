"""One class a sample: what every text in the column is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.reading.labels import classes, continuous, placeholders, several, typos
from equimodal.data.table.truth.truth import Codes, Truth, empty_cells, ids, unseen
from equimodal.data.target import CLASSIFICATION, Target
from equimodal.errors import DataError, did_you_mean

BALANCED = "balanced"


@dataclass(frozen=True)
class Classes(Truth):
    """The classes of a column.

    Args:
        weight: of each class in the loss, by its name; `BALANCED`; None for none.
        declared: whether the YAML says that these are classes.
    """

    weight: Mapping[str, float] | str | None = None
    declared: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """By value where all are whole numbers, else by the alphabet."""
        return classes(self.texts)

    @property
    def what(self) -> str:
        """How many classes there are."""
        return f"{len(self.names)} classes"

    def target(self, codes: Codes) -> Target:
        """With the weights of the classes: of "balanced" N / (C N_c) by the training samples."""
        if self.weight is None:
            return Target(CLASSIFICATION)
        names = self.names
        if isinstance(self.weight, str):
            trained = np.array(self.texts)[codes == 0]
            counts = [int((trained == name).sum()) for name in names]
            return Target(
                CLASSIFICATION, tuple(len(trained) / (len(names) * max(n, 1)) for n in counts)
            )
        for name in self.weight:
            if name not in names:
                raise DataError(
                    f"weight names the class '{name}', which no sample has; the classes are "
                    f"{', '.join(names)}.{did_you_mean(name, names)}"
                )
        return Target(CLASSIFICATION, tuple(self.weight.get(name, 1.0) for name in names))

    def values(self, target: Target) -> Codes:
        """The place of each class among the names. (N,)"""
        codes = {name: code for code, name in enumerate(self.names)}
        return np.array([codes[text] for text in self.texts], np.int64)

    def strata(self) -> Codes:
        """The class."""
        return ids(self.texts)

    def doubts(self) -> list[Finding]:
        """Empty cells, and labels that could be several, numbers, or none."""
        found = [*empty_cells(self), *several(self.texts, self.rows)]
        if not self.declared:
            found += continuous(self.texts, self.rows)
        return found + list(placeholders(self.texts, self.rows, "the label"))

    def judged(self, codes: Codes) -> list[Finding]:
        """Labels that look like another, splits without a sample, and classes not trained on.

        Nothing of splits where no sample has one: `assign` says that.
        """
        found = typos(self.texts, self.rows)
        if (codes < 0).all():
            return found
        names = np.array(self.texts)
        found += [
            Finding("split", f"no sample is in {name}")
            for code, name in enumerate(SPLITS)
            if not (codes == code).any()
        ]
        trained = set(names[codes == 0].tolist())
        if len(trained) == 1:
            found.append(Finding("split", f"training has the one class '{min(trained)}'"))
        return found + unseen(sorted(set(names[codes > 0].tolist()) - trained - {""}), "classes")

    def balance(self, codes: Codes) -> Mapping[str, dict[str, int]]:
        """How many samples of each class a split has. {split: {class: count}}"""
        names = np.array(self.texts)
        found = {}
        for code, split in enumerate(SPLITS):
            kinds, counts = np.unique(names[codes == code], return_counts=True)
            found[split] = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
        return found
