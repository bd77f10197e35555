"""Heads of several classifiers each, whose last layer is one for all."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts.readout import Readout, require_vectors
from equimodal.parts.modalities import ModalityMap

_WIDTH = 256


class BoostedHeads(nn.Module, Readout):
    """Of each modality the sum of its classifiers; those to come are there from the start.

    Args:
        widths: of every modality's features.
        classes: C.
        most: classifiers that each may have.
        count: those that each has.
        train_added: whether those beyond the first are trained.
    """

    held: Tensor
    """Classifiers of each modality, (M,) int64."""

    def __init__(
        self, widths: Mapping[str, int], classes: int, *, most: int, count: int, train_added: bool
    ) -> None:
        super().__init__()
        self.first = nn.ModuleDict(
            {m: nn.ModuleList(_first_layer(d) for _ in range(most)) for m, d in widths.items()}
        )
        self.last = nn.Linear(_WIDTH, classes)
        self.train_added = train_added
        self.register_buffer("held", torch.full((len(widths),), count))
        self.counts = dict.fromkeys(widths, count)
        self.register_load_state_dict_post_hook(_read_counts)  # type: ignore[no-untyped-call]

    def grow(self, modality: str) -> None:
        """One more classifier of a modality."""
        self.counts[modality] += 1
        self.held[list(self.counts).index(modality)] += 1

    def parts(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of each classifier, the newest last. {m: (N_m, D_m)} -> {m: (n_m, N_m, C)}"""
        hidden = {
            m: torch.stack([self._hidden(m, j, f) for j in range(self.counts[m])])
            for m, f in features.items()
        }
        # In one product, so that autocast casts the weight for all uses alike.
        rows = torch.cat([h.flatten(0, 1) for h in hidden.values()])
        every = self.last(rows).split([h[..., 0].numel() for h in hidden.values()])
        given = zip(hidden.items(), every, strict=True)
        return {m: z.unflatten(0, h.shape[:2]) for (m, h), z in given}

    def each(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """{m: (N_m, D_m)} -> {m: (N_m, C)}"""
        return {m: parts.sum(0) for m, parts in self.parts(features).items()}

    def forward(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits, of zeros for a modality that was missing in the whole batch."""
        rows = next(iter(features.values()))
        widths = {m: layers[0].in_features for m, layers in self.first.items()}  # type: ignore[index]
        return self.each({
            m: features.get(m, rows.new_zeros(len(rows), widths[m])) for m in modalities.names
        })  # fmt: skip

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """Refuse features that are no vectors. Raises BalanceError."""
        require_vectors("AUG", features)

    def _hidden(self, modality: str, place: int, features: Tensor) -> Tensor:
        layer: Any = self.first[modality][place]  # type: ignore[index]
        weight, bias = layer.weight, layer.bias
        if place and not self.train_added:
            weight, bias = weight.detach(), bias.detach()
        return nn.functional.linear(features.to(weight.dtype), weight, bias).relu()


def _first_layer(width: int) -> nn.Linear:
    layer = nn.Linear(width, _WIDTH)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _read_counts(heads: nn.Module, _: Any) -> None:
    """Once weights are loaded, so that no step asks a device how many there are."""
    assert isinstance(heads, BoostedHeads)
    heads.counts = dict(zip(heads.counts, heads.held.tolist(), strict=True))
