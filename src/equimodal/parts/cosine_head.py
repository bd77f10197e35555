"""A head that reads cosines: every modality speaks between -s and s."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal.checks import require, require_list
from equimodal.numerics.cosines import NORMALISED, scaled_cosines


class CosineHead(nn.Linear):
    r"""In the place of ``nn.Linear(sum(widths), classes)`` over a concatenation: the sum over the
    modalities of scaled cosines, :math:`\sum_m s\,\langle f_m, W_m\rangle / (\lVert f_m\rVert
    \,\lVert W_m\rVert)`. (N, sum of D_m) -> (N, C)

    Its weights begin as those of the linear layer do. The scale, and which of the two are
    normalised, are buffers, so that a model that is saved predicts as it was trained; they are 10
    and both until a method sets them. Cosines are float32 at least.

    Args:
        widths: number of features of each modality, in the order of the concatenation.
        classes: number of classes C.

    Raises:
        BalanceError: no widths.

    Example::

        self.fc = CosineHead([512, 512], classes)      # instead of nn.Linear(1024, classes)
        logits = self.fc(torch.cat([audio, video], 1))
    """

    scale: Tensor
    normalised: Tensor

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        require_list("widths", widths, "numbers of features, one a modality")
        require(bool(widths), "A cosine head needs the width of every modality", widths)
        super().__init__(sum(widths), classes, bias=False)
        self.widths = list(widths)
        self.register_buffer("scale", torch.tensor(10.0))
        self.register_buffer("normalised", torch.tensor(NORMALISED["both"]))

    def forward(self, input: Tensor) -> Tensor:
        """(N, sum of D_m) -> (N, C)"""
        blocks = zip(
            torch.split(input, self.widths, dim=-1),
            torch.split(self.weight, self.widths, dim=1), strict=True,
        )  # fmt: skip
        return torch.stack([self.part(x, w) for x, w in blocks]).sum(0)

    def part(self, features: Tensor, weight: Tensor) -> Tensor:
        """One modality's logits by its block of the weights. (N, D_m), (C, D_m) -> (N, C)"""
        return scaled_cosines(features, weight, self.scale, self.normalised)

    @torch.no_grad()
    def set(self, scale: float, normalise: str) -> None:
        """Scale the cosines otherwise, and say what is brought to length 1, one of
        `numerics.cosines.NORMALISED`."""
        self.scale.fill_(scale)
        self.normalised.copy_(torch.tensor(NORMALISED[normalise]))
