"""The exact parts of a cosine head."""

from collections.abc import Mapping

from torch import Tensor

from equimodal.balancing.readouts.head_inputs import Parts, filled
from equimodal.balancing.readouts.linear_split import LinearSplit
from equimodal.balancing.readouts.readout import Readout
from equimodal.checks import require
from equimodal.parts.cosine_head import CosineHead
from equimodal.parts.modalities import ModalityMap


class CosineSplit(LinearSplit):
    r"""Exact parts of a `CosineHead`: every modality's scaled cosines, which sum to the logits.

    A modality without features has the logits 0, as the head has no bias.

    Args:
        head: name of the ``CosineHead`` that reads the concatenation of all features in the order
            of ``encoders``.

    Raises:
        BalanceError: the layer is none, or as `LinearSplit`.
    """

    _cosines = True
    weights = Readout.weights  # a cosine is no product with the weights

    def __init__(self, head: str) -> None:
        require(isinstance(head, str), "CosineSplit takes the name of the cosine head", head)
        super().__init__(head)

    @property
    def title(self) -> str:
        """With its head."""
        return f"CosineSplit({self.head!r})"

    def _applied(
        self, modalities: ModalityMap, parts: Parts, read: Mapping[str, Tensor], rows: Tensor
    ) -> dict[str, Tensor]:
        assert isinstance(self.head, str)
        head = modalities.model.get_submodule(self.head)
        assert isinstance(head, CosineHead)
        return {m: head.part(x, parts[m][0]) for m, x in filled(parts, read, rows).items()}
