"""How good a model is on the rows of a table, each number with the interval that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from equimodal.data.table.reading.roles import groups_of
from equimodal.data.table.reading.table import Table
from equimodal.errors import BalanceError, did_you_mean, quoted
from equimodal.measures.deletion import SCORES
from equimodal.numerics.blocks import blocks, pseudo_values
from equimodal.numerics.intervals import Units, split_units
from equimodal.saved.model import Model
from equimodal.saved.prediction import joined, stream

SCHEMA = "equimodal.evaluation/1"
_SHOWN = 10

Json = dict[str, Any]


@dataclass(frozen=True)
class _Judged:
    """The rows that could be read: labels (N,), logits (N, C), those of each modality alone (N, C),
    and the number of each row's unit (N,)."""

    labels: Tensor
    logits: Tensor
    unimodal: Mapping[str, Tensor]
    units: Tensor

    def mean(self, values: Tensor, kept: Tensor | None = None) -> Json:
        """The mean of a value of every row, or of those kept, with its interval."""
        kept = torch.ones(len(values), dtype=torch.bool) if kept is None else kept
        found = Units([self.units[kept]]).interval([values[kept].double()]).plain()
        return {key: found[key] for key in ("mean", "low", "high", "samples", "units")}


def judged(
    model: Model, table: Table, root: str, *, label: str | None = None, group: str | None = None,
    jobs: int | None = None, notify: Callable[[int, int], None] | None = None,
) -> Json:  # fmt: skip
    """What `equimodal evaluate` prints and writes, see docs/model-folder.md.

    Args:
        model: what is judged.
        table: the rows.
        root: folder that their paths start from.
        label: column of the labels; None: that of training.
        group: column of the groups; None: that of training, where the table has it.
        jobs: processes that read files.
        notify: called with (rows that are done, all rows).

    Raises:
        BalanceError: there is no such column, a label that the model does not know, or no row that
            can be read.
    """
    known = _labels(model, table, label)
    groups = _groups(model, table, group)
    parts = []
    for block in stream(model, table, root, jobs=jobs):
        parts.append(block)
        if notify:
            notify(sum(map(len, parts)), len(table.rows))
    found = joined(model, parts)
    used = torch.tensor([i not in found.problems for i in range(len(found))])
    if not bool(used.any()):
        first = next(iter(found.problems.items()))
        raise BalanceError(
            f"None of the {len(found)} rows can be read; row {found.places[first[0]]}: {first[1]}."
        )
    own = None if groups is None else groups[used]
    (units,), unit = split_units([known[used]], [own])
    rows = _Judged(
        known[used], found.logits[used], {m: z[used] for m, z in found.unimodal.items()}, units
    )
    return {
        "schema": SCHEMA, "model": model.description.fingerprint, "rows": len(found),
        "judged": int(used.sum()), "unit": unit,
        "unread": [
            {"row": found.places[i], "problem": text} for i, text in found.problems.items()
        ][:_SHOWN],
        "scores": _scores(rows),
        "modalities": {m: _simple(rows, logits) for m, logits in rows.unimodal.items()},
        "classes": _classes(rows, model.classes),
    }  # fmt: skip


def _labels(model: Model, table: Table, column: str | None) -> Tensor:
    trained = model.description.table
    name = column or (trained.label if trained else "label")
    cells = table.column(name, "the label (--label)")
    codes = {known: code for code, known in enumerate(model.classes)}
    for row, cell in zip(table.rows, cells, strict=True):
        if cell not in codes:
            raise BalanceError(
                f"The label {quoted(cell)} in row {row} is no class of the model; it knows "
                f"{', '.join(model.classes[:_SHOWN])}{', ...' * (len(codes) > _SHOWN)}."
                f"{did_you_mean(cell, model.classes)}"
            )
    return torch.tensor([codes[cell] for cell in cells])


def _groups(model: Model, table: Table, column: str | None) -> Tensor | None:
    trained = model.description.table
    name = column or (trained.group if trained else None)
    if name is None or (column is None and name not in table.columns):
        return None
    cells = groups_of(table.column(name, "the group (--group)"))
    codes = {cell: code for code, cell in enumerate(dict.fromkeys(cells))}
    return torch.tensor([codes[cell] for cell in cells])


def _simple(rows: _Judged, logits: Tensor) -> Json:
    losses = cross_entropy(logits.double(), rows.labels, reduction="none")
    return {"accuracy": rows.mean(logits.argmax(1) == rows.labels), "loss": rows.mean(losses)}


def _scores(rows: _Judged) -> Json:
    own = blocks([rows.units], [rows.labels])[0]
    found = _simple(rows, rows.logits)
    for name, score in SCORES.items():

        def measure(kept: Tensor, score: Callable[..., Tensor] = score) -> Tensor:
            return score(rows.logits, rows.labels, kept)

        everything = torch.ones(1, len(rows.labels), dtype=torch.bool)
        told: Json = {"mean": float(measure(everything)), "low": None, "high": None}
        try:
            values, numbers = pseudo_values(name, measure, own)
            half = Units([numbers]).interval([values]).half
        except BalanceError:
            half = None
        if half is not None:
            told |= {"low": told["mean"] - half, "high": told["mean"] + half}
        found[name] = told
    return found


def _classes(rows: _Judged, names: tuple[str, ...]) -> Json:
    """Of each class that occurs: its rows, and how many of them, and of those taken for it, are
    right."""
    predicted = rows.logits.argmax(1)
    hits = predicted == rows.labels
    found = {}
    for code, name in enumerate(names):
        own, taken = rows.labels == code, predicted == code
        found[name] = {
            "samples": int(own.sum()),
            "recall": rows.mean(hits, own) if bool(own.any()) else None,
            "precision": rows.mean(hits, taken) if bool(taken.any()) else None,
        }
    return found
