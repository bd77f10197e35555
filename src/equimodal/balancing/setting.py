"""What a balancer was given, and how it reads what a loop gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from equimodal.balancing.collection import Forward
from equimodal.balancing.decisions import Record
from equimodal.balancing.method import Method
from equimodal.balancing.moment import KEPT
from equimodal.balancing.networks.trained import TrainedNetworks
from equimodal.balancing.readouts import Readout, logits_of
from equimodal.balancing.readouts.readout import require_logits_name
from equimodal.balancing.requirements.arguments import needs_readout
from equimodal.balancing.requirements.samples import check_samples
from equimodal.balancing.requirements.targets import check_fitting, check_target
from equimodal.balancing.requirements.training import check_features
from equimodal.balancing.step import Step
from equimodal.balancing.task import Task
from equimodal.balancing.updates.edits import Edits, GradientEdits
from equimodal.balancing.windows import EXPANDED
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.presence import rows_kept, rows_present


@dataclass
class Setting:
    """What a balancer was given; its arguments say what each is."""

    method: Method
    modalities: ModalityMap
    readout: Readout | None
    task: Task
    objective: str
    unimodal_weight: float
    loaders: dict[str, Iterable[Any]]
    forward: Forward
    on: str
    seed: int
    epochs: int | None
    steps: str = EXPANDED
    optimizers: tuple[Optimizer, ...] = ()
    networks: TrainedNetworks = field(default_factory=TrainedNetworks)
    told: set[str] = field(default_factory=set)
    """Modalities whose features are known to have the samples where they are read."""

    @property
    def reads_unimodal(self) -> bool:
        """Whether unimodal logits are read, by the method or by the objective."""
        return needs_readout(self.method, self.objective)

    @property
    def reads_features(self) -> bool:
        """Whether the method reads features."""
        return "features" in self.method.needs

    @property
    def trains_heads(self) -> bool:
        """Whether the readout's heads need a loss of their own, as no other trains them."""
        reads = self.networks.heads is not None and self.reads_unimodal
        return reads and self.readout is not None and not self.readout.differentiable

    def fused(self, output: Any, name: str | int | None) -> Tensor | None:
        """The fused logits in an output, of several tasks side by side. -> (N, ..., C)"""
        if name is not None:
            require_logits_name("loss(output, target, logits=...)", name)
        if name is not None and self.task.outputs is not None:
            raise BalanceError(
                f"logits={name!r} names the logits of one task, and there are several: write "
                "Tasks(..., logits={task: name})."
            )
        found = self.task.outputs if name is None else name
        self.modalities.record.logits_name = found
        return logits_of(output, found)

    def rows(self, target: Tensor | Mapping[str, Tensor]) -> dict[str, int]:
        """Samples of every modality, as the labels count them."""
        each = (
            dict.fromkeys(self.modalities.names, target) if isinstance(target, Tensor) else target
        )
        return dict.fromkeys(self.modalities.names, 0) | {m: len(y) for m, y in each.items()}

    def unimodal_logits(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the readout makes of the features that were taken last.

        {m: (N, ...)} -> {m: (N, C)}
        """
        if self.readout is None:
            raise BalanceError("The balancer has no readout; pass one to read unimodal logits.")
        return self.readout(self.modalities, dict(features))

    def moment(self, index: int, epoch: int, records: list[Record]) -> dict[str, Any]:
        """The arguments of a moment of this training."""
        return {
            "index": index, "epoch_index": epoch, "modalities": self.modalities,
            "seed": self.seed, "records": records, "total_epochs": self.epochs,
        }  # fmt: skip

    def step(
        self,
        moment: Mapping[str, Any],
        logits: Tensor | None,
        target: Tensor | Mapping[str, Tensor],
        features: dict[str, Tensor],
        rows: dict[str, Tensor] | None,
        edits: Edits | None = None,
        *,
        checked: bool = True,
    ) -> Step:
        """One forward pass as the method sees it, of labels that were read and, ``checked``, of
        features and logits that belong together.

        Raises:
            BalanceError: its features cannot be read.
        """
        labels = target if isinstance(target, Tensor) else None
        if checked:
            self._check(logits, features, rows, labels)
        drawn = self.modalities.record.drawn
        if KEPT in drawn:
            rows = rows_kept(drawn[KEPT], rows, self.modalities.names)
        targets = self._targets(target, rows)
        return Step(
            **moment, task=self.task, objective=self.objective, targets=targets, rows=rows,
            target=labels, logits=None if labels is None else logits, outputs=features,
            readout=self.readout, edits=edits or GradientEdits(), drawn=drawn,
            unimodal_weight=self.unimodal_weight, optimizers=self.optimizers,
        )  # fmt: skip

    def _check(
        self,
        logits: Tensor | None,
        features: dict[str, Tensor],
        rows: Mapping[str, Tensor] | None,
        labels: Tensor | None,
    ) -> None:
        """Refuse a pass that cannot be read. Raises BalanceError."""
        check_features(features, self.modalities, rows, trained=self.objective != "fused")
        if labels is not None and (unsure := features.keys() - self.told):
            self.told |= check_samples(self.modalities, unsure, len(labels))
        if logits is not None and rows is None and self.readout:
            self.readout.check(self.modalities, features, logits)
        if self.objective != "fused" and self.readout:
            self.readout.check_trained(self.modalities, features)

    def read(
        self, logits: Tensor | None, target: Tensor | Mapping[str, Tensor]
    ) -> Tensor | dict[str, Tensor]:
        """The labels in the type that the task reads, checked against the logits.

        Raises:
            BalanceError: labels that do not fit the logits, the method or the modalities.
        """
        found = self.prepared(target)
        check_fitting(found, logits, self.method, self.task, self.modalities.names)
        return found

    def present_rows(
        self, present: Tensor | None, target: Tensor | Mapping[str, Tensor]
    ) -> dict[str, Tensor] | None:
        """Rows in which each modality is present; None where nothing is missing. As `rows_present`
        does, it raises BalanceError."""
        if isinstance(target, Tensor):
            return rows_present(present, len(target), self.modalities.names)
        if present is not None:
            raise BalanceError("present belongs to a paired batch; found labels by modality.")
        return None

    def prepared(self, target: Tensor | Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """The target in the type that the task reads. Raises as `check_target` does."""
        return self.typed(self.task.packed(target))

    def typed(self, target: Tensor | Mapping[str, Tensor]) -> Tensor | dict[str, Tensor]:
        """A target that was packed, in the type that the task reads. Raises as `check_target`."""
        check_target(target)
        if isinstance(target, Tensor):
            return self.task.prepared(target)
        return {m: self.task.prepared(y) for m, y in target.items()}

    def plain_loss(self, logits: Tensor | None, target: Tensor | Mapping[str, Tensor]) -> Tensor:
        """The fused loss, which is all that a validation loop needs. -> ()"""
        packed = self.task.packed(target)
        if logits is None or not isinstance(packed, Tensor):
            raise BalanceError(
                "Without gradients loss() is the plain fused loss and needs fused logits and one "
                "label tensor; found an unpaired batch. Validate on paired batches."
            )
        labels = self.typed(packed)
        assert isinstance(labels, Tensor)
        check_fitting(labels, logits, self.method, self.task, self.modalities.names)
        return self.task.loss(logits, labels)

    def _targets(
        self, target: Tensor | Mapping[str, Tensor], rows: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        names = self.modalities.names
        if isinstance(target, Tensor):
            if rows is None:
                return dict.fromkeys(names, target)
            return {m: target[rows[m].to(target.device)] for m in names}
        return {m: target[m] for m in names}
