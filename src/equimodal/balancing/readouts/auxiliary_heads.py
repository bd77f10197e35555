"""Linear heads beside the model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from equimodal.balancing.readouts.readout import Readout, require_vectors
from equimodal.checks import require_flag, require_modality_names, require_whole
from equimodal.errors import BalanceError, quoted
from equimodal.parts.modalities import ModalityMap

if TYPE_CHECKING:
    from equimodal.balancing.step import Step


class AuxiliaryHeads(nn.Module, Readout):
    """One linear head a modality, trained beside the model.

    On detached features, as a probe: where the method reads unimodal logits, their loss is added to
    ``balancer.loss(...)``, and reaches the probes alone. ``attached``, on features that carry
    gradient: the unimodal losses of the objective train heads and encoders, and no other.

    Give their parameters to the optimizer: ``SGD([*model.parameters(), *balancer.parameters()])``.
    Under several ranks their gradients are averaged in ``before_step()``; leave them out of DDP.

    Args:
        widths: modality -> width of its features.
        classes: number of classes.
        attached: whether losses of the heads train the encoders.
    """

    def __init__(self, widths: Mapping[str, int], classes: int, *, attached: bool = False) -> None:
        super().__init__()
        self.differentiable = require_flag("AuxiliaryHeads attached", attached)
        if not isinstance(widths, Mapping) or not widths:
            raise BalanceError(
                "AuxiliaryHeads takes the width of every modality's features, such as "
                f"{{'audio': 512, 'video': 512}}; found {quoted(widths)}."
            )
        require_modality_names(widths)
        for m, width in widths.items():
            require_whole(f"AuxiliaryHeads width of {m!r}", width, low=1)
        require_whole("AuxiliaryHeads classes", classes, low=1)
        self.heads = nn.ModuleDict({m: nn.Linear(w, classes) for m, w in widths.items()})

    def forward(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, D_m)} -> {m: (N, C)}

        A modality without features, which was missing in the whole batch, has its bias alone.
        """
        missing = set(modalities.names) - set(self.heads)
        if missing:
            raise BalanceError(
                f"AuxiliaryHeads has no head for {sorted(missing)}; it has {sorted(self.heads)}. "
                "Give widths= a width for each modality."
            )
        weights = {m: self.heads[m].get_parameter("weight") for m in modalities.names}
        for m, found in features.items():
            width = found.shape[-1]
            if width != weights[m].shape[1]:
                raise BalanceError(
                    f"The head of {m!r} in AuxiliaryHeads is {weights[m].shape[1]} wide; found "
                    f"features of width {width}. Write widths={{{m!r}: {width}}}."
                )
        rows = next(iter(features.values()))
        given = {
            m: (features[m] if self.differentiable else features[m].detach())
            if m in features
            else rows.new_zeros(*rows.shape[:-1], w.shape[1])
            for m, w in weights.items()
        }
        return {m: self.heads[m](f.to(weights[m].dtype)) for m, f in given.items()}

    def each(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of all modalities, as they are predicted of. {m: (N, D_m)} -> {m: (N, C)}"""
        return {m: self.heads[m](f) for m, f in features.items()}

    def weights(self, modalities: ModalityMap, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the heads. {m: (N, D_m)} -> {m: (C, D_m)}"""
        return {m: self.heads[m].get_parameter("weight") for m in modalities.names}

    def of_step(self, step: "Step") -> dict[str, Tensor]:
        """Logits of a step's modalities that have a row: for heads that a method has beside the
        balancer's readout. -> {m: (N_m, C)}"""
        if step.logits is not None:
            self.check(step.modalities, step.outputs, step.logits)
        found = step.of_present(self(step.modalities, step.outputs))
        return {m: z for m, z in found.items() if m in step.outputs and len(z)}

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """Refuse heads of another number of classes than the model's. Raises BalanceError."""
        heads = {m: int(self.heads[m].get_parameter("weight").shape[0]) for m in self.heads}
        if logits.ndim == 2:
            require_vectors("AuxiliaryHeads", features)
        if set(heads.values()) != {logits.shape[-1]}:
            raise BalanceError(
                f"AuxiliaryHeads gives {next(iter(heads.values()))} classes, and the model "
                f"{logits.shape[-1]}. Write AuxiliaryHeads(..., classes={logits.shape[-1]})."
            )
