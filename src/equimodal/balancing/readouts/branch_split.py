"""The logits of each branch of a model whose branches exchange features."""

import torch
from torch import Tensor

from equimodal.balancing.readouts.head_inputs import head_input
from equimodal.balancing.readouts.readout import Readout, require_vectors
from equimodal.balancing.readouts.split_gaps import is_close
from equimodal.checks import require
from equimodal.errors import BalanceError
from equimodal.parts.exchange.mmtm import BranchHead
from equimodal.parts.modalities import ModalityMap


class BranchSplit(Readout):
    """Logits of each branch of a `BranchHead`, whose mean the model predicts.

    A branch reads the others through its gates, so that its logits are not of one modality alone.

    Args:
        head: name of the ``BranchHead`` that reads the concatenation of all features in the order
            of ``encoders``.

    Raises:
        BalanceError: the layer is none or, on the first batch, its logits are not the model's.
    """

    def __init__(self, head: str) -> None:
        require(isinstance(head, str), "BranchSplit takes the name of the head", head)
        self.head = head
        self._checked = False

    @property
    def title(self) -> str:
        """With its head."""
        return f"BranchSplit({self.head!r})"

    def attach(self, modalities: ModalityMap) -> None:
        """Record from now on what the head reads."""
        modalities.record.watch(self.head, self.module(modalities))

    def module(self, modalities: ModalityMap) -> BranchHead:
        """The head itself. Raises BalanceError where the model has none of that name."""
        found = dict(modalities.model.named_modules()).get(self.head)
        if not isinstance(found, BranchHead):
            raise BalanceError(
                f"{self.title} reads a BranchHead; found {type(found).__name__}. Write "
                "BranchHead([512, 512], classes), with the widths of the encoders, in the place of "
                "the linear layer over the concatenation."
            )
        if len(found.widths) != len(modalities.names):
            raise BalanceError(
                f"{self.title}: the head has {len(found.widths)} branches, and there are "
                f"{len(modalities.names)} modalities. Give it a width for each."
            )
        return found

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, D_m)} -> {m: (N, C)}

        A modality without features, which was missing in the whole batch, has those of zeros.
        """
        head = self.module(modalities)
        given = head_input(modalities, self.head, head.in_features, features)
        if given is None:
            rows = next(iter(features.values()))
            given = torch.cat([
                features.get(m, rows.new_zeros(len(rows), d))
                for m, d in zip(modalities.names, head.widths, strict=True)
            ], 1)  # fmt: skip
        return dict(zip(modalities.names, head.branches(given), strict=True))

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """On the first batch, refuse branches whose mean is not what the model gives."""
        if self._checked:
            return
        self._checked = True
        require_vectors(self.title, features)
        mean = torch.stack(list(self(modalities, features).values())).mean(0)
        same = mean.shape == logits.shape
        if not same or not is_close(float((mean - logits).detach().abs().max()), logits):
            raise BalanceError(
                f"{self.title}: the mean of the branches' logits is not what loss() was given. "
                "Let the model return what the head gives, of features in the order of encoders."
            )
