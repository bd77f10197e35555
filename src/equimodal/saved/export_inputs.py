"""What an exported network is traced with and held against the model on."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from equimodal.data.dataset import Modality
from equimodal.data.presence import PRESENT
from equimodal.data.table.fitted.reading import blocks
from equimodal.errors import BalanceError
from equimodal.saved.model import Model
from equimodal.saved.rows import cells, inputs_of, opened

_MOST_ROWS = 512
BATCHES = (1, 3, 16)
"""Sizes of batches that the file is run with."""


def names_of(model: Model) -> list[str]:
    """Of the inputs, in order."""
    lacking = any(one.missing for one in model.description.modalities.values())
    return [*model.modalities, *[PRESENT] * lacking]


def zeros(model: Model) -> tuple[Tensor, ...]:
    """Two samples of each modality, as training would shape them, and that all are there."""
    modalities = model.description.modalities.values()
    found = [
        torch.zeros(2, *one.shape, dtype=torch.long if one.kind == "text" else torch.float32)
        for one in modalities
    ]
    if any(one.missing for one in modalities):
        found.append(torch.ones(2, len(modalities), dtype=torch.bool))
    return tuple(found)


def rows_of(model: Model, rows: str | Path, root: str | Path | None) -> list[Tensor]:
    """The first rows of a table that can be read, prepared."""
    table, folder = opened(model, rows, root)
    held = {m: cells(table, one)[:_MOST_ROWS] for m, one in model.columns.items()}
    (block,) = blocks(model.columns, held, folder, size=_MOST_ROWS, jobs=1)
    if not block.used:
        raise BalanceError(f"None of the first {_MOST_ROWS} rows of '{rows}' can be read.")
    inputs = inputs_of(model, block)
    return [inputs[name].cpu() for name in names_of(model)]


def drawn(model: Model) -> list[Tensor]:
    """Random inputs: standard normal, tokens with padding, sequences of several lengths, and of
    those that may be missing two thirds."""
    generator, count = torch.Generator().manual_seed(0), 2 * max(BATCHES)
    modalities = model.description.modalities.values()
    found = [_random(one, count, generator) for one in modalities]
    if any(one.missing for one in modalities):
        there = torch.rand(count, len(modalities), generator=generator) > 1 / 3
        found.append(there | torch.tensor([not one.missing for one in modalities]))
    return found


def _random(one: Modality, count: int, generator: torch.Generator) -> Tensor:
    lengths = torch.linspace(1, one.shape[0], count).long()[:, None]
    there = torch.arange(one.shape[0]) < lengths
    if one.kind == "text":
        high = one.vocabulary or 1
        return torch.randint(1, max(high, 2), (count, *one.shape), generator=generator) * there
    found = torch.randn(count, *one.shape, generator=generator)
    if one.kind == "sequence":
        found[..., -1] = 1
        found *= there[:, :, None]
    return found
