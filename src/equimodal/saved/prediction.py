"""New rows through a model, block by block: what memory holds does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from equimodal.data.table.fitted.columns import FittedColumn
from equimodal.data.table.fitted.reading import Block, blocks
from equimodal.data.table.items.decode import Array
from equimodal.data.table.reading.table import Table
from equimodal.data.target import CLASSES, CLASSIFICATION, REGRESSION, Target
from equimodal.errors import BalanceError
from equimodal.saved.rows import cells, inputs_of
from equimodal.training.setup import EVALUATION_ROWS
from equimodal.workers.process import processors


@dataclass(frozen=True)
class Outputs:
    """What a model says of some samples: fused ``logits`` (N, C), ``unimodal`` ones (N, C) by
    modality, of each alone, and the ``features`` (N, D_m) of its encoders, where it runs."""

    logits: Tensor
    unimodal: dict[str, Tensor]
    features: dict[str, Tensor]


Seen = Callable[[Mapping[str, Tensor], Outputs], None]
"""Is told of the inputs {m: (n, ...)} of the rows of a block that could be read."""


class Asked(Protocol):
    """A model that is asked: `equimodal.saved.model.Model`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the logits."""

    @property
    def target(self) -> Target:
        """What it predicts."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Their names in order."""

    @property
    def columns(self) -> Mapping[str, FittedColumn]:
        """How each modality is read."""

    def prepared(self, arrays: Mapping[str, Array], /) -> dict[str, Tensor]:
        """Decoded rows as the network takes them. {m: (N, ...)} -> {m: (N, ...)}"""

    def outputs(self, inputs: Mapping[str, Tensor], /) -> Outputs:
        """What the model makes of them. {m: (N, ...)}"""


@dataclass(frozen=True)
class Predicted:
    """What a model says of rows that follow each other, in their order.

    ``classes`` are the names of what it predicts, as ``target`` says: classes, labels or numbers;
    ``places`` (N,) are lines of a CSV or JSONL, else rows from 1; ``logits`` and ``unimodal`` by
    modality (N, C) are NaN where a row could not be read, and ``problems`` says why, by index, or
    where a modality is missing;
    ``missing`` names the modalities with an empty cell, and "modality: column" of an empty number
    or category, and ``unknown`` says which categories no row of training has, both by index.
    """

    classes: tuple[str, ...]
    places: list[int]
    logits: Tensor
    unimodal: dict[str, Tensor]
    problems: dict[int, str]
    missing: dict[int, list[str]]
    unknown: dict[int, list[str]]
    target: Target = CLASSES

    def __len__(self) -> int:
        return len(self.places)

    @property
    def labels(self) -> list[Any]:
        """The class of each row, of several labels those that are above one half, in a tuple; None
        where it could not be read. Numbers have none."""
        return self._labels(self.logits)

    @property
    def probabilities(self) -> Tensor:
        """Of each class or label, NaN where a row could not be read. (N, C)"""
        return self.probabilities_of(self.logits)

    @property
    def numbers(self) -> Tensor:
        """The numbers in the units of the table, NaN where a row could not be read. (N, C)"""
        return self.numbers_of(self.logits)

    def alone(self, modality: str) -> list[Any]:
        """The class or labels of each row by one modality alone; None where it is missing."""
        return self._labels(self.unimodal[modality])

    def probabilities_of(self, logits: Tensor) -> Tensor:
        """Of each class or label, by some logits. (N, C) -> (N, C)"""
        self._require(REGRESSION, wanted=False, instead="numbers")
        return logits.softmax(1) if self.target.task == CLASSIFICATION else logits.sigmoid()

    def numbers_of(self, logits: Tensor) -> Tensor:
        """The numbers in the units of the table, by some outputs. (N, C) -> (N, C)"""
        self._require(REGRESSION, wanted=True, instead="probabilities")
        ends = (self.target.mean, self.target.scale)
        mean, scale = (torch.tensor(values, dtype=torch.float64) for values in ends)
        return logits.double() * scale + mean

    def _labels(self, logits: Tensor) -> list[Any]:
        self._require(REGRESSION, wanted=False, instead="numbers")
        gone = logits.isnan().any(1).tolist()
        if self.target.task == CLASSIFICATION:
            found = logits.argmax(1).tolist()
            return [None if no else self.classes[k] for no, k in zip(gone, found, strict=True)]
        states = (logits > 0).tolist()
        return [
            None if no else tuple(n for n, s in zip(self.classes, row, strict=True) if s)
            for no, row in zip(gone, states, strict=True)
        ]

    def _require(self, task: str, *, wanted: bool, instead: str) -> None:
        """Refuse what the task has not."""
        if (self.target.task == task) != wanted:
            raise BalanceError(f"The task of this model is {self.target.task}; write .{instead}.")


def stream(
    model: Asked, table: Table, root: str, *, jobs: int | None = None, start: int = 0,
    seen: Seen | None = None,
) -> Iterator[Predicted]:  # fmt: skip
    """What the model says of the rows from ``start`` on, in blocks; ``seen`` is told of each.

    Blocks start at multiples of `EVALUATION_ROWS`, so that the numbers do not depend on where it
    started, and are those that the run kept of its own rows.
    """
    held = {name: cells(table, column) for name, column in model.columns.items()}
    read = blocks(
        model.columns, held, root, size=EVALUATION_ROWS, jobs=jobs or processors(), start=start
    )
    for block in read:
        places = table.rows[block.start : block.start + block.count]
        yield _predicted(model, block, places, seen)


def _predicted(
    model: Asked, block: Block, places: list[int], seen: Seen | None = None
) -> Predicted:
    shape = (block.count, len(model.classes))
    logits = torch.full(shape, torch.nan)
    unimodal = {m: torch.full(shape, torch.nan) for m in model.modalities}
    if block.used:
        inputs, present = inputs_of(model, block), torch.from_numpy(block.present)
        found = model.outputs(inputs)
        if seen is not None:
            seen(inputs, found)
        rows = torch.tensor(block.used) - block.start
        logits[rows] = found.logits
        for k, (m, own) in enumerate(found.unimodal.items()):
            unimodal[m][rows] = torch.where(present[:, k : k + 1], own, torch.nan)
    problems = {i - block.start: text for i, text in block.problems.items()}
    missing = {i - block.start: names for i, names in block.missing.items()}
    unknown = {i - block.start: texts for i, texts in block.unknown.items()}
    return Predicted(
        model.classes, places, logits, unimodal, problems, missing, unknown, model.target
    )


def example(found: Predicted) -> str:
    """The first value that training did not have, or ""."""
    return next((texts[0] for texts in found.unknown.values()), "")


def joined(model: Asked, parts: Sequence[Predicted]) -> Predicted:
    """Blocks that follow each other as one."""
    if not parts:
        raise BalanceError("There are no rows to predict.")
    starts = [sum(map(len, parts[:k])) for k in range(len(parts))]
    together = list(zip(starts, parts, strict=True))
    return Predicted(
        model.classes,
        [place for part in parts for place in part.places],
        torch.cat([part.logits for part in parts]),
        {m: torch.cat([part.unimodal[m] for part in parts]) for m in model.modalities},
        {at + i: text for at, part in together for i, text in part.problems.items()},
        {at + i: names for at, part in together for i, names in part.missing.items()},
        {at + i: texts for at, part in together for i, texts in part.unknown.items()},
        model.target,
    )
