"""Linear probes beside the model."""

from collections.abc import Mapping

from torch import Tensor, nn

from equimodal.balancing.readouts.readout import Readout
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap


class AuxiliaryHeads(nn.Module, Readout):
    """One linear probe a modality, trained beside the model on detached features.

    Where the method reads unimodal logits, their loss is added to ``balancer.loss(...)``; it
    reaches the probes alone. Give their parameters to the optimizer:
    ``SGD([*model.parameters(), *readout.parameters()])``. Under DDP wrap them in a DDP of their
    own, or every rank keeps its own probes.

    Args:
        widths: modality -> width of its features.
        classes: number of classes.
    """

    differentiable = False

    def __init__(self, widths: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({m: nn.Linear(w, classes) for m, w in widths.items()})

    def forward(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, D_m)} -> {m: (N, C)}"""
        missing = set(modalities.names) - set(self.heads)
        if missing:
            raise BalanceError(
                f"AuxiliaryHeads has no head for {sorted(missing)}; it has {sorted(self.heads)}."
            )
        dtypes = {m: self.heads[m].get_parameter("weight").dtype for m in modalities.names}
        return {m: self.heads[m](features[m].detach().to(dtypes[m])) for m in modalities.names}
