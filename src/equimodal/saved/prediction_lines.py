"""What a model says of rows, as lines of a CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isnan

from torch import Tensor

from equimodal.data.target import CLASSIFICATION, MULTI_LABEL, REGRESSION
from equimodal.saved.model import Model
from equimodal.saved.prediction import Predicted

_END = ("missing", "unknown", "problem")
_Cells = Callable[[int], list[str]]
"""What a line holds of the row at an index."""


def header(model: Model) -> list[str]:
    """Names of the columns."""
    each, alone = list(model.classes), []
    if model.target.task == REGRESSION:
        alone = [f"{m}: {name}" for m in model.modalities for name in model.classes]
        return ["row", *each, *alone, *_END]
    each = [f"p({name})" for name in model.classes]
    if model.target.task == MULTI_LABEL:
        return ["row", "labels", *each, *(f"{m}: labels" for m in model.modalities), *_END]
    alone = [name for m in model.modalities for name in (f"{m}: label", f"{m}: probability")]
    return ["row", "label", "probability", *each, *alone, *_END]


def lines(model: Model, found: Predicted) -> Iterator[list[str]]:
    """A row of the file for each row: what is predicted, what each modality says alone, what was
    missing, which values are new, and why there is no prediction."""
    told = {CLASSIFICATION: _classes, MULTI_LABEL: _labels, REGRESSION: _numbers}
    own = told[model.target.task](model, found)
    width = len(header(model)) - 1 - len(_END)
    for i, place in enumerate(found.places):
        missing, problem = ", ".join(found.missing.get(i, ())), found.problems.get(i, "")
        cells = [""] * width if problem else own(i)
        yield [str(place), *cells, missing, "; ".join(found.unknown.get(i, ())), problem]


def _classes(model: Model, found: Predicted) -> _Cells:
    every, labels = found.probabilities, found.labels
    alone = {m: (found.alone(m), logits.softmax(1)) for m, logits in found.unimodal.items()}

    def cells(i: int) -> list[str]:
        own = [cell for names, p in alone.values() for cell in (names[i] or "", _highest(p[i]))]
        numbers = [_number(p) for p in every[i].tolist()]
        return [labels[i] or "", _highest(every[i]), *numbers, *own]

    return cells


def _labels(model: Model, found: Predicted) -> _Cells:
    every, labels = found.probabilities, found.labels
    alone = [found.alone(m) for m in model.modalities]
    table = model.description.table
    sign = table.separator if table and table.separator else ";"

    def cells(i: int) -> list[str]:
        numbers = [_number(p) for p in every[i].tolist()]
        return [sign.join(labels[i]), *numbers, *(sign.join(own[i] or ()) for own in alone)]

    return cells


def _numbers(model: Model, found: Predicted) -> _Cells:
    every = [found.numbers, *(found.numbers_of(found.unimodal[m]) for m in model.modalities)]

    def cells(i: int) -> list[str]:
        return [_number(value) for own in every for value in own[i].tolist()]

    return cells


def _highest(probabilities: Tensor) -> str:
    return _number(float(probabilities.max()))


def _number(value: float) -> str:
    """A number in single precision with as many digits as tell it from its neighbours, "" for NaN,
    of a modality that is missing."""
    return "" if isnan(value) else f"{value:.9g}"
