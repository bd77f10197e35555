"""All that a method may see of a training: a moment, a step, an epoch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from equimodal.balancing.decisions import Record
from equimodal.balancing.readouts import Readout
from equimodal.balancing.readouts.readout import require_vectors
from equimodal.balancing.task import Task
from equimodal.errors import BalanceError
from equimodal.numerics.random import update_generator
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.units import Part


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

    def generator(self, stream: int = 0) -> torch.Generator:
        """CPU generator seeded by (seed, update, stream): equal on all ranks and devices."""
        return update_generator(self.seed, self.index, stream)

    def record(self, name: str, values: Tensor | Iterable[float]) -> None:
        """Keep a decision, one value a modality; tensors are copied to the host at epoch's end."""
        kept = values.detach() if isinstance(values, Tensor) else tuple(values)
        self.records.append(Record(self.index, self.epoch_index, name, kept))


@dataclass
class Plan(Moment):
    """Before an iteration whose batches are drawn per modality."""

    batch_size: int = 0
    """Nominal rows of one modality, n_b."""


@dataclass(kw_only=True)
class Step(Moment):
    """One update. In ``on_gradients`` all micro-batches are concatenated and detached."""

    task: Task
    objective: str
    logits: Tensor | None
    """(N, ..., C) fused logits; None where the batches are unpaired."""
    target: Tensor | None
    """(N, ...) labels of a paired batch; None where the batches are unpaired."""
    targets: dict[str, Tensor]
    """(N_m, ...) labels of the rows in which each modality is present."""
    outputs: dict[str, Tensor]
    """(N or N_m, ...) encoder outputs, as the readout takes them."""
    rows: dict[str, Tensor] | None
    """(N_m,) rows of a paired batch in which each modality is present; None where all are."""
    readout: Readout | None
    apply: Callable[[list[tuple[Part, Tensor]]], None] = field(repr=False)
    """Multiply the gradients, or with on="update" the updates, of units by their factors."""

    @property
    def paired(self) -> bool:
        """Whether all modalities come from the same samples."""
        return self.target is not None

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """(N_m, ...) encoder outputs of the rows in which each modality is present."""
        return self._present(self.outputs)

    @cached_property
    def unimodal_logits(self) -> dict[str, Tensor]:
        """(N_m, C) of the rows in which each modality is present, from the readout."""
        if self.readout is None:
            raise BalanceError(
                "Unimodal logits are needed; pass readout=LinearSplit(...), Ablation(...), "
                "InputAblation(...), AuxiliaryHeads(...) or OutputLogits(...)."
            )
        found = self.readout(self.modalities, self.outputs)
        if self.logits is not None and any(z.ndim > self.logits.ndim for z in found.values()):
            require_vectors(self.readout.title, self.outputs)
        return self._present(found)

    def _present(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rows in which each modality is present."""
        if self.rows is None:
            return values
        return {m: v[self.rows[m].to(v.device)] for m, v in values.items()}

    @cached_property
    def fused_loss(self) -> Tensor:
        """Loss of the fused logits. -> ()"""
        if self.logits is None or self.target is None:
            raise BalanceError(
                "The batch is unpaired and has no fused logits; use a method that draws its own "
                "batches, or batches of equal rows with one label tensor."
            )
        return self.task.loss(self.logits, self.target)

    @cached_property
    def unimodal_losses(self) -> dict[str, Tensor]:
        """Loss of the unimodal logits of every modality that is present. -> {m: ()}"""
        given = self.unimodal_logits.items()
        return {m: self.task.loss(z, self.targets[m]) for m, z in given if len(z)}

    @property
    def objective_loss(self) -> Tensor:
        """The objective: the fused loss, or the fused loss plus all unimodal losses. -> ()"""
        if self.objective == "fused":
            return self.fused_loss
        return self.fused_loss + torch.stack(list(self.unimodal_losses.values())).sum()

    def detached(self, *, unimodal: bool) -> "Step":
        """This step cut from the graph, with its unimodal logits if asked for."""
        seen = replace(
            self,
            logits=None if self.logits is None else self.logits.detach(),
            outputs={m: f.detach() for m, f in self.features.items()},
            rows=None,
        )
        if unimodal:
            with torch.no_grad():
                logits = self.unimodal_logits
            seen.__dict__["unimodal_logits"] = {m: z.detach() for m, z in logits.items()}
        return seen


def merged(parts: Sequence[Step], *, unimodal: bool) -> Step:
    """All micro-batches of one update as a single step."""
    first = parts[0]
    if len(parts) == 1:
        return first
    together = replace(
        first,
        logits=_joined([s.logits for s in parts]),
        target=_joined([s.target for s in parts]),
        targets=_joined_by_modality([s.targets for s in parts]),
        outputs=_joined_by_modality([s.features for s in parts]),
    )
    if unimodal:
        logits = _joined_by_modality([s.unimodal_logits for s in parts])
        together.__dict__["unimodal_logits"] = logits
    return together


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    """All rows; None where a part has none."""
    given = [p for p in parts if p is not None]
    return torch.cat(given) if len(given) == len(parts) else None


def _joined_by_modality(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """All rows of each modality, from the parts that have it."""
    names = dict.fromkeys(m for p in parts for m in p)
    return {m: torch.cat([p[m] for p in parts if m in p]) for m in names}


@dataclass(kw_only=True)
class Epoch(Moment):
    """The end of an epoch."""

    task: Task
    total: int | None
    """Planned number of epochs, where the user gave it."""
    optimizers: tuple[torch.optim.Optimizer, ...]
    collect: Callable[[str], tuple[dict[str, Tensor], dict[str, Tensor]]] = field(repr=False)

    def features(self, split: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features and labels of a whole split ('train' or 'val') by modality, in evaluation mode,
        without gradient and without consuming the global random stream: the rows in which each is
        present. -> {m: (N_m, D)}, {m: (N_m,)}"""
        return self.collect(split)
