"""What every stage of a method may see: where the training is, and a source of draws."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from equimodal.balancing.decisions import Record
from equimodal.numerics.random import update_generator
from equimodal.parts import distributed
from equimodal.parts.modalities import ModalityMap

KEPT = "kept"
"""Under which a forward pass holds the modalities that count."""
ITEMS = "items"
"""Under which a step holds the rows of the data set that its batch has."""


def without_graph(value: Tensor) -> Tensor:
    """The tensor cut from the graph; itself where it is in none, which saves an operation."""
    return value.detach() if value.requires_grad else value


@dataclass
class Moment:
    """What every stage knows: where the training is, and a reproducible source of draws."""

    index: int
    """Number of the update, from 0."""
    epoch_index: int
    """Number of the epoch, from 0."""
    modalities: ModalityMap
    seed: int
    records: list[Record] = field(repr=False)
    total_epochs: int | None = field(default=None, kw_only=True)
    """Planned number of epochs, where the user gave it."""
    micro_batch: int = field(default=0, kw_only=True)
    """Number of the forward pass within its update, from 0; 0 where an update is the matter."""

    def generator(self, stream: int = 0) -> torch.Generator:
        """CPU generator seeded by (seed, update, micro-batch, stream): equal on all ranks and
        devices."""
        return update_generator(self.seed, self.index, stream, self.micro_batch)

    def record(self, name: str, values: Tensor | Iterable[float]) -> None:
        """Keep a decision, one value a modality; tensors are copied to the host at epoch's end."""
        kept = without_graph(values) if isinstance(values, Tensor) else tuple(values)
        self.records.append(Record(self.index, self.epoch_index, name, kept))


@dataclass
class Plan(Moment):
    """Before an iteration whose batches are drawn per modality."""

    batch_size: int = 0
    """Nominal rows of one modality, n_b."""


@dataclass(kw_only=True)
class TrainingPass(Moment):
    """A forward pass that trains, before its loss."""

    drawn: dict[str, Any] = field(repr=False)
    """What the method drew for this pass; the step of its loss holds the same."""

    @property
    def kept(self) -> Tensor | None:
        """(N, M) bool on the CPU, which modalities of each row count; None for all."""
        found: Tensor | None = self.drawn.get(KEPT)
        return found

    def keep(self, kept: Tensor) -> None:
        """Let own logits and losses be of these rows alone. (N, M) bool, on the CPU"""
        self.drawn[KEPT] = kept

    def uniform(self, rows: int, columns: int, *, same: bool = False) -> Tensor:
        """Even draws in [0, 1), on the CPU: this rank's rows of those of all ranks, whose batch
        is dealt out row by row; or the ``same`` one in every row. -> (rows, columns)"""
        if same:
            return torch.rand(1, columns, generator=self.generator()).expand(rows, -1)
        ranks = distributed.world_size()
        drawn = torch.rand(rows * ranks, columns, generator=self.generator())
        return drawn[distributed.rank() :: ranks]
