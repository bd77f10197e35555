"""Fusions: from the features of all modalities to logits. {m: (N, D_m)} -> (N, C)

=============  ==========================================================  ====================
name           logits                                                      unimodal logits
=============  ==========================================================  ====================
``concat``     a linear layer over the concatenated features               its exact parts
``sum``        the sum of a linear layer for each modality                 its exact parts
``cosine``     the sum of each modality's scaled cosines                   its exact parts
``shared``     the sum of what one linear layer makes of each modality     that layer's
``film``       the last modality, scaled and shifted by the others         other features zero
``gated``      a mean of all modalities with learned weights               other features zero
``attention``  tokens that meet through bottleneck tokens                  other features zero
``mmtm``       the mean of branches that gate each other's features        its branch's
=============  ==========================================================  ====================

Every fusion takes any number of modalities, in the order of the model's encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts import (
    Ablation,
    BranchSplit,
    CosineSplit,
    LinearSplit,
    Readout,
    SharedHead,
)
from equimodal.checks import require, require_known
from equimodal.models.bottleneck import AttentionBottleneck
from equimodal.parts.cosine_head import CosineHead
from equimodal.parts.exchange.mmtm import BranchHead

Features = Mapping[str, Tensor]
Widths = Mapping[str, int]


class Concatenation(nn.Linear):
    """One linear layer over the concatenation of all features. {m: (N, D_m)} -> (N, C)

    Args:
        widths: number of features of each modality.
        classes: number of classes C.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__(sum(widths.values()), classes)

    def forward(self, features: Features) -> Tensor:  # type: ignore[override]
        """{m: (N, D_m)} -> (N, C)"""
        return super().forward(torch.cat(list(features.values()), dim=1))


class Summation(nn.Module):
    r"""The sum of one linear layer for each modality: :math:`\sum_m W_m f_m + b_m`.

    The summation of Peng et al., arXiv 2203.15332. It can say what `Concatenation` can, from
    other initial weights: each layer's are scaled by its own width.

    Args:
        widths: number of features of each modality.
        classes: number of classes C.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({m: nn.Linear(d, classes) for m, d in widths.items()})

    def forward(self, features: Features) -> Tensor:
        """{m: (N, D_m)} -> (N, C)"""
        return torch.stack([self.layers[m](f) for m, f in features.items()]).sum(0)


class Cosine(CosineHead):
    """The sum of each modality's scaled cosines with the classes. {m: (N, D_m)} -> (N, C)

    Args:
        widths: number of features of each modality.
        classes: number of classes C.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__(list(widths.values()), classes)

    def forward(self, features: Features) -> Tensor:  # type: ignore[override]
        """{m: (N, D_m)} -> (N, C)"""
        return super().forward(torch.cat(list(features.values()), dim=1))


class Exchange(BranchHead):
    """The mean of classifiers of branches that gate each other. {m: (N, D_m)} -> (N, C)

    Args:
        widths: number of features of each modality.
        classes: number of classes C.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__(list(widths.values()), classes)

    def forward(self, features: Features) -> Tensor:  # type: ignore[override]
        """{m: (N, D_m)} -> (N, C)"""
        return super().forward(torch.cat(list(features.values()), dim=1))


class Shared(nn.Module):
    r"""The sum of what one linear layer makes of each modality: :math:`\sum_m W f_m + b`.

    Features must be of one width. Also offers the logits of each modality by itself.

    Args:
        widths: number of features of each modality.
        classes: number of classes C.

    Raises:
        BalanceError: unequal widths.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__()
        require(
            len(set(widths.values())) == 1,
            "The fusion shared reads all modalities by one layer, so that their encoders must give "
            "features of one width", dict(widths),
        )  # fmt: skip
        self.layer = nn.Linear(next(iter(widths.values())), classes)

    def each(self, features: Features) -> dict[str, Tensor]:
        """{m: (N, D)} -> {m: (N, C)}"""
        return {m: self.layer(f) for m, f in features.items()}

    def forward(self, features: Features) -> Tensor:
        """{m: (N, D)} -> (N, C)"""
        return torch.stack(list(self.each(features).values())).sum(0)


class FiLM(nn.Module):
    r"""The last modality's features, scaled and shifted by each of the others in turn:
    :math:`h \leftarrow (1 + \gamma_m(f_m)) \odot h + \beta_m(f_m)`, and a linear layer.

    Feature-wise linear modulation, Perez et al., arXiv 1709.07871, whose :math:`\gamma` and
    :math:`\beta` are linear in the condition. The paper has one condition; here each modality
    before the last is one, so that the order of the modalities matters.

    Args:
        widths: number of features of each modality.
        classes: number of classes C.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__()
        *conditions, last = widths
        width = widths[last]
        self.films = nn.ModuleDict({m: nn.Linear(widths[m], 2 * width) for m in conditions})
        self.out = nn.Linear(width, classes)

    def forward(self, features: Features) -> Tensor:
        """{m: (N, D_m)} -> (N, C)"""
        hidden = list(features.values())[-1]
        for m, film in self.films.items():
            scale, shift = film(features[m]).chunk(2, dim=1)
            hidden = (1 + scale) * hidden + shift
        logits: Tensor = self.out(hidden)
        return logits


class Gated(nn.Module):
    r"""A mean of all modalities, weighted feature by feature: :math:`h = \sum_m z_m \odot
    \tanh(W_m f_m)` with :math:`z = \mathrm{softmax}_m(G_m [f_1, \dots, f_M])`, and a linear layer.

    The gated multimodal unit, Arevalo et al., arXiv 1702.01992. For two modalities the softmax is
    the paper's :math:`z` and :math:`1 - z`; for more the paper leaves the gates independent.

    Args:
        widths: number of features of each modality.
        classes: number of classes C.
    """

    def __init__(self, widths: Widths, classes: int) -> None:
        super().__init__()
        self.width, total = max(widths.values()), sum(widths.values())
        self.layers = nn.ModuleDict({m: nn.Linear(d, self.width) for m, d in widths.items()})
        self.gates = nn.Linear(total, len(widths) * self.width)
        self.out = nn.Linear(self.width, classes)

    def forward(self, features: Features) -> Tensor:
        """{m: (N, D_m)} -> (N, C)"""
        hidden = torch.stack([self.layers[m](f).tanh() for m, f in features.items()], dim=1)
        gates = self.gates(torch.cat(list(features.values()), dim=1))
        weights = gates.unflatten(1, (len(features), self.width)).softmax(dim=1)
        logits: Tensor = self.out((weights * hidden).sum(1))
        return logits


@dataclass(frozen=True)
class Fusion:
    """How a fusion is built, (widths, classes) -> module, and the readout that fits it, (name of
    the module in its model, modalities) -> readout."""

    build: Callable[[Widths, int], nn.Module]
    readout: Callable[[str, Iterable[str]], Readout]


def _ablation(head: str, modalities: Iterable[str]) -> Readout:
    return Ablation("zero")


FUSIONS: Mapping[str, Fusion] = {
    "concat": Fusion(Concatenation, lambda head, _: LinearSplit(head)),
    "sum": Fusion(Summation, lambda head, names: LinearSplit(
        {m: f"{head}.layers.{m}" for m in names}
    )),
    "cosine": Fusion(Cosine, lambda head, _: CosineSplit(head)),
    "shared": Fusion(Shared, lambda head, _: SharedHead(f"{head}.layer")),
    "film": Fusion(FiLM, _ablation),
    "gated": Fusion(Gated, _ablation),
    "attention": Fusion(AttentionBottleneck, _ablation),
    "mmtm": Fusion(Exchange, lambda head, _: BranchSplit(head)),
}  # fmt: skip
"""Fusions by the name that ``--fusion`` takes."""
CONCAT = "concat"


def check_fusion(name: str) -> None:
    """Raise `BalanceError` unless there is a fusion of that name."""
    require_known("fusion", name, FUSIONS)
