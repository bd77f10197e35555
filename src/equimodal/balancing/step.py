"""What a method may see of a step and of an epoch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from equimodal.balancing.moment import Moment
from equimodal.balancing.readouts import Readout
from equimodal.balancing.readouts.readout import require_form_of
from equimodal.balancing.task import Task
from equimodal.balancing.updates.edits import Edits
from equimodal.errors import BalanceError
from equimodal.numerics.blanking import blanked_rows
from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.gradients import add_noise, flat, scale_of, spreads
from equimodal.parts.units import Part


@dataclass(kw_only=True)
class Step(Moment):
    """One update. In ``on_gradients`` all micro-batches are concatenated and detached."""

    task: Task
    objective: str
    unimodal_weight: float
    """Weight of the unimodal losses in the objective."""
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
    edits: Edits = field(repr=False)
    """Carries out what is decided on gradients or, with on="update", on updates."""
    drawn: dict[str, Any] = field(default_factory=dict, repr=False)
    """What the method drew in the forward pass."""
    optimizers: tuple[torch.optim.Optimizer, ...] = field(default=(), repr=False)
    """Those that the balancer knows."""
    every_drawn: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """In ``on_gradients``: what was drawn or kept in ``drawn``, of every micro-batch."""

    def apply(self, factors: list[tuple[Part, Tensor]]) -> None:
        """Multiply the gradients, or with on="update" the updates, of units by their factors.

        All edits of one update multiply or add in the order in which they were made."""
        self.edits.scale_units(factors)

    def scale(self, factors: Mapping[str, Tensor], parameters: str = "weights") -> None:
        """Multiply the gradients, or the updates, of encoders by a factor each. {m: ()}

        ``parameters``: their "weights", which have units; "conv": those of convolutions alone;
        "all": everything that they learn."""
        for m, factor in factors.items():
            self.edits.scale_all(self.modalities.learning(m, parameters), factor)

    def spreads(self, modality: str, parameters: str = "weights") -> Tensor:
        """Standard deviation of each gradient of an encoder over its elements, as it is now.

        Not a number for a gradient of one element or that is not finite. -> (K,)"""
        return spreads(self._gradients(modality, parameters))

    def add_noise(self, modality: str, sizes: Tensor, parameters: str = "weights") -> None:
        """Add Gaussian noise to the gradients of an encoder, with ``on="update"`` too: of a
        standard deviation each, none where it is no number. The same on all ranks. (K,)"""
        stream = 1 + self.modalities.names.index(modality)
        draw, room = self.generator(stream), self.modalities.room
        add_noise(self._gradients(modality, parameters), sizes, draw, room)

    def loss_scale(
        self, reference: Tensor, parameters: Sequence[Parameter]
    ) -> tuple[Tensor, Tensor]:
        """What was done to the loss before it was back-propagated, as the gradients tell.

        Args:
            reference: (P,) gradient of the loss itself, over all micro-batches, ranks averaged.
            parameters: those that it is of, whose gradients no edit has changed.

        Returns:
            The factor, and the share of the gradients that it does not explain. (), ()
        """
        return scale_of(flat([p.grad for p in parameters], like=parameters), reference)

    def _gradients(self, modality: str, parameters: str) -> list[Tensor]:
        found = self.modalities.learning(modality, parameters)
        return [p.grad for p in found if p.grad is not None]

    @property
    def paired(self) -> bool:
        """Whether all modalities come from the same samples."""
        return self.target is not None

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """(N_m, ...) encoder outputs of the rows in which each modality is present."""
        return self.of_present(self.outputs)

    @cached_property
    def unimodal_logits(self) -> dict[str, Tensor]:
        """(N_m, C) of the rows in which each modality is present, from the readout."""
        if self.readout is None:
            raise BalanceError(
                "Unimodal logits are needed; pass readout=LinearSplit(...), Ablation(...), "
                "InputAblation(...), AuxiliaryHeads(...) or OutputLogits(...)."
            )
        found = self.readout(self.modalities, self.outputs)
        if self.logits is not None:
            require_form_of(self.logits, found, self.outputs, self.readout.title)
        return self.of_present(found)

    def of_present(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rows in which each modality is present."""
        if self.rows is None:
            return values
        return {m: v[self.rows[m].to(v.device)] for m, v in values.items()}

    @cached_property
    def fused_loss(self) -> Tensor:
        """Loss of the fused logits. -> ()"""
        self._require_paired()
        assert self.logits is not None and self.target is not None
        return self.task.loss(self.logits, self.target)

    def _require_paired(self) -> None:
        if self.logits is None or self.target is None:
            raise BalanceError(
                "The batch is unpaired and has no fused logits; use a method that draws its own "
                "batches, or batches of equal rows with one label tensor."
            )

    @cached_property
    def unimodal_losses(self) -> dict[str, Tensor]:
        """Loss of the unimodal logits of every modality that is present. -> {m: ()}"""
        given = self.unimodal_logits.items()
        return {m: self.task.loss(z, self.targets[m]) for m, z in given if len(z)}

    def scores(self) -> Tensor:
        """Mean score of each modality's own logits over its rows, of all ranks. -> (M,)

        Not a number for one that is missing in all rows."""
        given = self.unimodal_logits.items()
        sums = torch.stack([self.task.score_sums(z.detach(), self.targets[m]) for m, z in given])
        return self.task.mean_score(sum_over_ranks(sums))

    @property
    def objective_loss(self) -> Tensor:
        """The objective: the fused loss, or the fused loss plus the weighted sum of all unimodal
        losses. -> ()"""
        return self.objective_of(self.fused_loss)

    def objective_of(self, fused_loss: Tensor) -> Tensor:
        """The objective with another fused loss. () -> ()"""
        if self.objective == "fused":
            return fused_loss
        unimodal = torch.stack(list(self.unimodal_losses.values())).sum()
        return torch.add(fused_loss, unimodal, alpha=self.unimodal_weight)

    def pairs(self) -> Iterator[tuple[str, str, Tensor, Tensor, Tensor]]:
        """Every two modalities, their own logits and the labels of the rows in which both are
        present: (j, k, (N_jk, C), (N_jk, C), (N_jk, ...)); those without such a row are left out.
        """
        self._require_paired()
        assert self.target is not None
        for j, k in combinations(self.modalities.names, 2):
            one, other, target = self.unimodal_logits[j], self.unimodal_logits[k], self.target
            if self.rows is not None:
                first, second = (self.rows[m].to(one.device) for m in (j, k))
                one, other = one[torch.isin(first, second)], other[torch.isin(second, first)]
                target = target[first[torch.isin(first, second)].to(target.device)]
            if len(one):
                yield j, k, one, other, target

    def check(self) -> None:
        """Raise `BalanceError` where logits and labels do not belong together."""
        self._require_paired()
        assert self.logits is not None and self.target is not None
        self.task.check(self.logits, self.target)

    def coalitions(self) -> dict[frozenset[str], Tensor]:
        """Fused logits of every set of modalities but the empty one, the features of the others
        zero, in evaluation mode with a graph; of all, the model's own. -> {set: (N, C)}"""
        self._require_paired()
        assert self.logits is not None
        names = list(self.outputs)
        sets = [frozenset(s) for n in range(1, len(names)) for s in combinations(names, n)]
        readout = self.readout or Readout()
        found = readout.coalitions(self.modalities, self.outputs, sets, training=False)
        return {**found, frozenset(names): self.logits}

    def present(self) -> Tensor:
        """Whether each modality is there in each row of the paired batch. -> (N, M) bool"""
        self._require_paired()
        assert self.target is not None
        names, mask = self.modalities.names, self.target.new_ones((), dtype=torch.bool)
        found = mask.new_ones(len(self.target), len(names))
        for k, m in enumerate(names if self.rows is not None else ()):
            assert self.rows is not None
            found[:, k] = False
            found[self.rows[m].to(found.device), k] = True
        return found

    def logits_of(
        self,
        features: Mapping[str, Tensor] | None = None,
        *,
        kept: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        """Fused logits of the paired batch for other features, with a graph. -> (N, C)

        Exact parts where the head reads the features as they are; else the layers after the
        encoders run again.

        Args:
            features: what replaces a modality's encoder output, as it is in ``outputs``; those
                that are not named stay.
            kept: (N, M) bool, columns in the order of the modalities: zeros replace the features
                of the others, row by row.
            training: in the mode that the model is in; else in evaluation mode.
        """
        self._require_paired()
        given = {**self.outputs, **(features or {})}
        if kept is not None:
            named = dict(zip(self.modalities.names, kept.unbind(1), strict=True))
            given = blanked_rows(given, named)
        return (self.readout or Readout()).fused(self.modalities, given, training=training)

    def inputs(self, modality: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """In ``on_loss`` of a method with teachers: positional and named arguments of the calls of
        a modality's encoder."""
        assert self.modalities.teachers is not None
        return self.modalities.teachers.inputs(modality)

    def taught(self, modality: str) -> tuple[Tensor, Tensor | None]:
        """In ``on_loss``: what a modality's teacher gives for the same inputs, of the rows in which
        it is present, and its logits where it has a head. -> (N_m, ...), (N_m, C)"""
        assert self.modalities.teachers is not None
        found = self.modalities.teachers.taught(modality, len(self.outputs[modality]))
        kept = [self.of_present({modality: x})[modality] for x in found if x is not None]
        return kept[0], kept[1] if kept[1:] else None
