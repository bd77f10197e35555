"""Numbers, one column each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.items.numbers import single
from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.reading.findings import Finding
from equimodal.data.table.truth.truth import Codes, Truth, empty_cells
from equimodal.data.target import REGRESSION, Target

_STRATA = 10
_LEAST = 1e-9
"""Least share of its size that a standard deviation is no rounding."""


@dataclass(frozen=True)
class Numbers(Truth):
    """The numbers of some columns."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return self.columns

    @property
    def what(self) -> str:
        """How many numbers there are."""
        count = len(self.columns)
        return f"{count} number{'s' * (count != 1)}"

    @cached_property
    def read(self) -> NDArray[np.float64]:
        """The numbers, NaN where a cell holds none. (N, D)"""
        found = [[_number(cell) for cell in cells] for cells in self.cells]
        return np.array(found, np.float64).T

    def target(self, codes: Codes) -> Target:
        """With mean and standard deviation of the training samples."""
        trained = self.read[codes == 0]
        mean, scale = trained.mean(0), trained.std(0)
        return Target(REGRESSION, (), tuple(mean.tolist()), tuple(scale.tolist()))

    def values(self, target: Target) -> NDArray[np.float32]:
        """Standardised by the training samples. (N, D)"""
        found: NDArray[np.float32] = ((self.read - target.mean) / target.scale).astype(np.float32)
        return found

    def strata(self) -> Codes:
        """The tenth of the samples that the first number lies in, in their order."""
        ranks = np.argsort(np.argsort(self.read[:, 0], kind="stable"), kind="stable")
        found: Codes = ranks * _STRATA // len(ranks)
        return found

    def doubts(self) -> list[Finding]:
        """Empty cells, and cells that hold no number."""
        found = empty_cells(self)
        for name, cells in zip(self.columns, self.cells, strict=True):
            for row, cell in zip(self.rows, cells, strict=True):
                if cell and math.isnan(_number(cell)):
                    text = f"'{cell[:40]}' in '{name}' is no finite number; write one such as -1.75"
                    found.append(Finding("label", text, row))
        return found

    def judged(self, codes: Codes) -> list[Finding]:
        """Splits without samples, and numbers that do not vary in one."""
        found = []
        for code, split in enumerate(SPLITS):
            own = self.read[codes == code]
            if not (codes < 0).all() and not len(own):
                found.append(Finding("split", f"no sample is in {split}"))
            for name, values in zip(self.columns, own.T, strict=True):
                least = _LEAST * np.abs(values).max(initial=0.0)
                if len(values) and np.isfinite(values).all() and not values.std() > least:
                    text = f"'{name}' is the same number in all samples of {split}"
                    found.append(Finding("split", text))
        return found

    def balance(self, codes: Codes) -> Mapping[str, dict[str, dict[str, float]]]:
        """Samples, mean, deviation and ends of each number. {split: {name: {...}}}"""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for code, split in enumerate(SPLITS):
            found[split] = {}
            for name, values in zip(self.columns, self.read[codes == code].T, strict=True):
                known = values[np.isfinite(values)]
                told: dict[str, float] = {"samples": len(known)}
                if len(known):
                    told |= {
                        "mean": float(known.mean()), "sd": float(known.std()),
                        "lowest": float(known.min()), "highest": float(known.max()),
                    }  # fmt: skip
                found[split][name] = told
        return found


def _number(cell: str) -> float:
    """The finite number of a cell, NaN where it holds none."""
    found = single(cell) if cell else None
    return found if found is not None and math.isfinite(found) else math.nan
