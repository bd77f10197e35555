"""How good a model is on the rows of a table, each number with the interval that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from equimodal.data.presence import patterns_of
from equimodal.data.table.reading.roles import groups_of
from equimodal.data.table.reading.table import Table
from equimodal.data.target import MULTI_LABEL, REGRESSION, SCORES_BY_TASK
from equimodal.errors import BalanceError
from equimodal.measures.scoring import loss as plain_loss
from equimodal.measures.scoring import scores_of, strata
from equimodal.numerics.blocks import blocks, pseudo_values
from equimodal.numerics.intervals import Units, split_units
from equimodal.saved.model import Model
from equimodal.saved.prediction import Predicted, Seen, example, joined, stream
from equimodal.saved.robustness import Faded
from equimodal.saved.rows import may_lack
from equimodal.saved.true_labels import true_labels
from equimodal.training.prediction import in_units

SCHEMA = "equimodal.evaluation/1"
_SHOWN = 10

Json = dict[str, Any]


@dataclass(frozen=True)
class _Judged:
    """The rows that could be read: labels (N, ...), logits (N, C), those of each modality alone
    (N, C), the number of each row's unit (N,), and the scale of numbers."""

    labels: Tensor
    logits: Tensor
    unimodal: Mapping[str, Tensor]
    units: Tensor
    scale: tuple[float, ...] = ()

    def kept(self, rows: Tensor) -> _Judged:
        """Some of the rows. (N,) bool"""
        unimodal = {m: z[rows] for m, z in self.unimodal.items()}
        return _Judged(self.labels[rows], self.logits[rows], unimodal, self.units[rows], self.scale)

    def mean(self, values: Tensor, kept: Tensor | None = None) -> Json:
        """The mean of a value of every row, or of those kept, with its interval."""
        kept = torch.ones(len(values), dtype=torch.bool) if kept is None else kept
        found = Units([self.units[kept]]).interval([values[kept].double()]).plain()
        return {key: found[key] for key in ("mean", "low", "high", "samples", "units")}


def judged(
    model: Model, table: Table, root: str, *, label: str | None = None, group: str | None = None,
    jobs: int | None = None, robustness: bool = False,
    notify: Callable[[int, int], None] | None = None,
) -> Json:  # fmt: skip
    """What `equimodal evaluate` prints and writes, see docs/model-folder.md.

    Args:
        model: what is judged.
        table: the rows.
        root: folder that their paths start from.
        label: column of the labels; None: that of training.
        group: column of the groups; None: that of training, where the table has it.
        jobs: processes that read files.
        robustness: whether modalities are dropped, noised and shuffled too, which reads the table
            twice.
        notify: called with (rows that are done, all rows).

    Raises:
        BalanceError: there is no such column, a label that the model does not know, or no row that
            can be read.
    """
    known = true_labels(model, table, label)
    groups = _groups(model, table, group)
    faded = Faded(model) if robustness else None
    read = partial(_read, model, table, root, jobs, notify)
    found = joined(model, read(faded.first if faded else None))
    if faded:
        read(faded.second)
    used = torch.tensor([i not in found.problems for i in range(len(found))])
    if not bool(used.any()):
        first = next(iter(found.problems.items()))
        raise BalanceError(
            f"None of the {len(found)} rows can be read; row {found.places[first[0]]}: {first[1]}."
        )
    own = None if groups is None else groups[used]
    (units,), unit = split_units([known[used]], [own])
    rows = _Judged(
        known[used], found.logits[used], {m: z[used] for m, z in found.unimodal.items()}, units,
        model.target.scale,
    )  # fmt: skip
    main = SCORES_BY_TASK[model.target.task][0]
    present = torch.stack([~z.isnan().any(1) for z in rows.unimodal.values()], 1)
    return {
        "schema": SCHEMA, "model": model.description.fingerprint, "rows": len(found),
        "task": model.target.task, "judged": int(used.sum()), "unit": unit,
        "unread": [
            {"row": found.places[i], "problem": text} for i, text in found.problems.items()
        ][:_SHOWN],
        "unknown": {"rows": len(found.unknown), "example": example(found)},
        "scores": _scores(rows),
        "modalities": {m: _alone(rows, main, m) for m in rows.unimodal},
        **_outputs(rows, model.classes, model.target.task),
        **_patterns(rows, main, present if may_lack(model) else None, model.modalities),
        **({"robustness": faded.told(rows.logits, rows.labels, own)} if faded else {}),
    }  # fmt: skip


def _read(
    model: Model, table: Table, root: str, jobs: int | None,
    notify: Callable[[int, int], None] | None, seen: Seen | None,
) -> list[Predicted]:  # fmt: skip
    """What the model says of the table, block by block."""
    parts: list[Predicted] = []
    for block in stream(model, table, root, jobs=jobs, seen=seen):
        parts.append(block)
        if notify:
            notify(sum(map(len, parts)), len(table.rows))
    return parts


def _groups(model: Model, table: Table, column: str | None) -> Tensor | None:
    trained = model.description.table
    name = column or (trained.group if trained else None)
    if name is None or (column is None and name not in table.columns):
        return None
    cells = groups_of(table.column(name, "the group (--group)"))
    codes = {cell: code for code, cell in enumerate(dict.fromkeys(cells))}
    return torch.tensor([codes[cell] for cell in cells])


def _scores(rows: _Judged) -> Json:
    """Every score of the fused prediction, and its loss."""
    logits, labels = in_units(rows.logits, rows.labels, rows.scale)
    every = {name: _score(rows, name, logits, labels) for name in scores_of(rows.labels)}
    return {**every, "loss": rows.mean(plain_loss(rows.logits, rows.labels))}


def _alone(rows: _Judged, main: str, modality: str) -> Json:
    """The main score of a modality alone, and its loss, of the rows that have it."""
    there = ~rows.unimodal[modality].isnan().any(1)
    if not bool(there.any()):
        return {main: None, "loss": None}
    own = rows.kept(there)
    logits, labels = in_units(own.unimodal[modality], own.labels, own.scale)
    loss = own.mean(plain_loss(own.unimodal[modality], own.labels))
    return {main: _score(own, main, logits, labels), "loss": loss}


def _score(rows: _Judged, name: str, logits: Tensor, labels: Tensor) -> Json:
    """A score with its interval, which one that is no mean over rows has by pseudo-values."""
    score = scores_of(rows.labels)[name]
    if score.each is not None:
        return rows.mean(score.each(logits, labels))
    kept, value = score.kept, score.value(logits, labels)
    assert kept is not None
    told: Json = {"mean": value if isfinite(value) else None, "low": None, "high": None}
    own = blocks([rows.units], [strata(rows.labels)])[0]
    try:
        values, numbers = pseudo_values(name, lambda part: kept(logits, labels, part), own)
        half = Units([numbers]).interval([values]).half
    except BalanceError:
        half = None
    if half is not None:
        told |= {"low": value - half, "high": value + half}
    return told


def _outputs(rows: _Judged, names: tuple[str, ...], task: str) -> Json:
    """What is told of each class, label or number."""
    if task == REGRESSION:
        return {"numbers": _numbers(rows, names)}
    if task == MULTI_LABEL:
        truth, said = rows.labels > 0, rows.logits > 0
        each = {n: _recalled(rows, truth[:, c], said[:, c]) for c, n in enumerate(names)}
        return {"labels": each}
    predicted = rows.logits.argmax(1)
    each = {n: _recalled(rows, rows.labels == c, predicted == c) for c, n in enumerate(names)}
    return {"classes": each}


def _recalled(rows: _Judged, truth: Tensor, said: Tensor) -> Json:
    """How many rows are of a class or label, and how many of them, and of those taken for it, are
    right."""
    hits = truth & said
    return {
        "samples": int(truth.sum()),
        "recall": rows.mean(hits, truth) if bool(truth.any()) else None,
        "precision": rows.mean(hits, said) if bool(said.any()) else None,
    }


def _numbers(rows: _Judged, names: tuple[str, ...]) -> Json:
    """Of each number its scores, in its own units."""
    logits, labels = in_units(rows.logits, rows.labels, rows.scale)
    return {
        name: {
            key: _score(rows, key, logits[:, c : c + 1], labels[:, c : c + 1])
            for key in scores_of(labels)
        }
        for c, name in enumerate(names)
    }


def _patterns(rows: _Judged, main: str, present: Tensor | None, names: tuple[str, ...]) -> Json:
    """The main score by what rows have, where some may lack a modality."""
    patterns = patterns_of(names, present)
    if patterns is None:
        return {}
    found = {}
    for code, name in enumerate(patterns.names):
        own = rows.kept(patterns.codes == code)
        told = _score(own, main, *in_units(own.logits, own.labels, own.scale))
        found[name] = {"samples": len(own.labels), main: told}
    return {"patterns": found}
