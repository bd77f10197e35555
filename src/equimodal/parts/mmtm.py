"""Branches that exchange what they see: each is gated, channel by channel, by all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equimodal.checks import require, require_list, require_number
from equimodal.parts.distributed import sum_over_ranks
from equimodal.parts.sharding import whole


class MMTM(nn.Module):
    r"""The multimodal transfer module: :math:`h = \mathrm{relu}(W_s [u_1, .., u_M] + b_s)`, with
    u the means of the feature maps over their positions, and :math:`A_m \leftarrow A_m\,\sigma(W_m
    h + b_m)`. M times (N, D_m, ...) -> M times (N, D_m, ...)

    A method may cut a branch off, whose gates are then their running mean: in training alone.

    Joze, Shaban, Iuzzolino, Koishida: MMTM, multimodal transfer module for CNN fusion. CVPR 2020;
    https://arxiv.org/abs/1911.08670. Its gates are twice as large.

    Args:
        widths: channels of each branch, two or more.
        ratio: the squeezed width is twice the channels of all branches over it.

    Example::

        audio, video = self.exchange(audio, video)      # between two layers of the branches
    """

    means: Tensor
    """Running means of the gates, of all branches side by side, (sum of D_m,)."""
    calls: Tensor
    """Training passes that they are of, ()."""
    cut: Tensor
    """Whether each branch is cut off, (M,) bool."""

    def __init__(self, widths: Sequence[int], ratio: float = 4.0) -> None:
        super().__init__()
        require_list("widths", widths, "channels, one number a branch")
        require(len(widths) > 1, "An exchange takes two branches or more", widths)
        require_number("ratio", ratio, above=0)
        self.widths, total = list(widths), sum(widths)
        hidden = max(1, int(2 * total / ratio))
        self.squeeze = nn.Linear(total, hidden)
        self.excite = nn.ModuleList(nn.Linear(hidden, d) for d in widths)
        self.register_buffer("means", torch.zeros(total))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("cut", torch.zeros(len(widths), dtype=torch.bool))

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """Feature maps of all branches, gated; a training pass counts in the running means."""
        gates = self.gates(maps)
        if self.training:
            self._count(gates)
        return self.gated(maps, gates)

    def gates(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """What each channel is multiplied by. M times (N, D_m, ...) -> M times (N, D_m)"""
        pooled = [x.flatten(2).mean(2) if x.ndim > 2 else x for x in maps]
        hidden = linear(self.squeeze, torch.cat(pooled, 1)).relu()
        return [linear(layer, hidden).sigmoid() for layer in self.excite]

    def gated(self, maps: Sequence[Tensor], gates: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The maps times their gates, or times the running means of a branch that is cut off."""
        used = list(gates)
        if self.training:
            means = torch.split(self.means, self.widths)
            cut = self.cut.clone()  # a method may change it before the backward pass
            used = [torch.where(cut[k], means[k].to(g), g) for k, g in enumerate(gates)]
        return tuple(
            x * g.view(*g.shape, *[1] * (x.ndim - 2)) for x, g in zip(maps, used, strict=True)
        )

    @torch.no_grad()
    def _count(self, gates: Sequence[Tensor]) -> None:
        every = torch.cat(list(gates), 1).to(self.means)
        sums = sum_over_ranks(torch.cat([every.sum(0), every.new_full((1,), len(every))]))
        after = self.calls + 1
        self.means.copy_((sums[:-1] / sums[-1] + self.means * self.calls) / after)
        self.calls.copy_(after)


class BranchHead(nn.Module):
    """An exchange of features, a classifier for each branch, and the mean of their logits, in the
    place of ``nn.Linear(sum(widths), classes)`` over a concatenation. (N, sum of D_m) -> (N, C)

    Args:
        widths: number of features of each modality, in the order of the concatenation.
        classes: number of classes C.

    Example::

        self.fc = BranchHead([512, 512], classes)       # instead of nn.Linear(1024, classes)
        logits = self.fc(torch.cat([audio, video], 1))
    """

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.exchange = MMTM(widths)
        self.classifiers = nn.ModuleList(nn.Linear(d, classes) for d in widths)
        self.widths, self.in_features = self.exchange.widths, sum(widths)

    def forward(self, input: Tensor) -> Tensor:
        """(N, sum of D_m) -> (N, C)"""
        return torch.stack(self._logits(self.exchange(*torch.split(input, self.widths, 1)))).mean(0)

    def branches(self, input: Tensor) -> list[Tensor]:
        """Logits of each branch in the pass that was made last: it counts in no running mean.
        (N, sum of D_m) -> M times (N, C)"""
        maps = torch.split(input, self.widths, 1)
        return self._logits(self.exchange.gated(maps, self.exchange.gates(maps)))

    def _logits(self, features: Sequence[Tensor]) -> list[Tensor]:
        return [linear(f, x) for f, x in zip(self.classifiers, features, strict=True)]


def linear(layer: nn.Module, input: Tensor) -> Tensor:
    """A linear layer whose weights may be in shards. (N, D) -> (N, D')"""
    weight, bias = (whole(layer.get_parameter(name)) for name in ("weight", "bias"))
    return nn.functional.linear(input.to(weight.dtype), weight, bias)
