"""What a table says is true of its rows, as a model was trained on it."""

from __future__ import annotations

import torch
from torch import Tensor

from equimodal.data.table.reading.findings import Finding, problems, summary
from equimodal.data.table.reading.table import Table
from equimodal.data.table.truth.numbers import Numbers
from equimodal.data.table.truth.several import Labels
from equimodal.data.target import CLASSIFICATION, REGRESSION
from equimodal.errors import BalanceError, did_you_mean, quoted
from equimodal.saved.model import Model

_SHOWN = 10


def true_labels(model: Model, table: Table, column: str | None) -> Tensor:
    """The labels in the form of training: classes (N,), states (N, C), or scaled numbers (N, C).

    ``column``: that of the label; None: those of training.

    Raises:
        BalanceError: a column is missing, or a cell holds what the model does not know.
    """
    trained = model.description.table
    names = trained.labels if trained else ("label",)
    if column is not None and len(names) > 1:
        raise BalanceError(
            f"--label names one column, and the model has {len(names)} of labels: "
            f"{', '.join(names)}. Call the columns of the table so."
        )
    names = names if column is None else (column,)
    cells = tuple(table.column(name, "the label (--label)") for name in names)
    if model.target.task == CLASSIFICATION:
        return _classes(model, cells[0], table.rows)
    if model.target.task == REGRESSION:
        numbers = Numbers(model.classes, cells, table.rows)
        _refuse(numbers.doubts())
        return torch.from_numpy(numbers.values(model.target))
    separator = trained.separator if trained else ""
    labels = Labels(names if separator else model.classes, cells, table.rows, separator)
    _refuse([found for found in labels.doubts() if found.code == "label"])
    return _states(model, labels)


def _refuse(found: list[Finding]) -> None:
    wrong = problems(found)
    if wrong:
        raise BalanceError(f"The labels of {len(wrong)} rows cannot be read: {summary(wrong)}.")


def _classes(model: Model, cells: list[str], rows: list[int]) -> Tensor:
    codes = {known: code for code, known in enumerate(model.classes)}
    for row, cell in zip(rows, cells, strict=True):
        if cell not in codes:
            raise _unknown(model, cell, row, "class")
    return torch.tensor([codes[cell] for cell in cells])


def _states(model: Model, labels: Labels) -> Tensor:
    """States in the order of the model's labels; a row without any has none."""
    places = {name: place for place, name in enumerate(labels.names)}
    if labels.separator:
        for row, parts in zip(labels.rows, labels.parts, strict=True):
            for name in parts:
                if name not in model.classes:
                    raise _unknown(model, name, row, "label")
    found = torch.zeros(len(labels.rows), len(model.classes), dtype=torch.int64)
    states = torch.from_numpy(labels.states)
    for code, name in enumerate(model.classes):
        if name in places:
            found[:, code] = states[:, places[name]]
    return found


def _unknown(model: Model, cell: str, row: int, what: str) -> BalanceError:
    more = ", ..." * (len(model.classes) > _SHOWN)
    return BalanceError(
        f"The label {quoted(cell)} in row {row} is no {what} of the model; it knows "
        f"{', '.join(model.classes[:_SHOWN])}{more}.{did_you_mean(cell, model.classes)}"
    )
