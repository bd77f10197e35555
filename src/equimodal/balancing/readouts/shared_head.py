"""Unimodal logits of a head that all modalities share."""

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts.readout import Readout
from equimodal.checks import require
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.normalisation import BATCH_NORM
from equimodal.parts.quiet import kept_streams
from equimodal.parts.sharding import whole


class SharedHead(Readout):
    r"""One head for all modalities: :math:`o^m = h(f^m)`, each with the whole bias.

    The features are read as the encoders give them: put what lies between, such as dropout, into
    the encoders. How the model makes its fused logits of them is its own affair.

    Args:
        head: name of the module that takes the features of any modality, (N, D) -> (N, C): an
            ``nn.Linear``, or several layers without batch normalisation.

    Raises:
        BalanceError: no such module; or, on the first batch, features of unequal widths, or logits
            of another shape than the model's.

    Example::

        balancer = Balancer(model, MLA(), encoders, SharedHead("fc"))
    """

    def __init__(self, head: str) -> None:
        require(isinstance(head, str), "SharedHead takes the name of the head", head)
        self.head = head
        self._checked = False

    @property
    def title(self) -> str:
        """With its head."""
        return f"SharedHead({self.head!r})"

    def attach(self, modalities: ModalityMap) -> None:
        """Refuse a head that normalises over the batch, which would count every batch again."""
        layers = self.module(modalities).modules()
        found = next((type(x).__name__ for x in layers if isinstance(x, BATCH_NORM)), None)
        if found:
            raise BalanceError(
                f"{self.title}: the head holds {found}, which would mix the modalities' statistics "
                "and count every batch twice; use nn.LayerNorm, or put it into the encoders."
            )

    def module(self, modalities: ModalityMap) -> nn.Module:
        """The head itself. Raises BalanceError where the model has none of that name."""
        named: dict[str, nn.Module] = dict(modalities.model.named_modules())
        if not self.head or self.head not in named:
            raise BalanceError(
                f"{self.title}: the model has no such module; it has "
                f"{[n for n in named if n and '.' not in n]}."
            )
        return named[self.head]

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, D)} -> {m: (N, C)}

        A modality without features, which was missing in the whole batch, has those of zeros.
        """
        widths = {m: f.shape[-1] for m, f in features.items()}
        if len(set(widths.values())) > 1:
            raise BalanceError(
                f"{self.title} reads the features of every modality with one head, and they are of "
                f"the widths {widths}: let the encoders give equal ones."
            )
        head, rows = self.module(modalities), next(iter(features.values()))
        given = {m: features.get(m, torch.zeros_like(rows)) for m in modalities.names}
        if isinstance(head, nn.Linear):
            weight, bias = whole(head.weight), None if head.bias is None else whole(head.bias)
            # In one product, so that autocast casts the weight for all uses alike.
            every = nn.functional.linear(torch.cat([*given.values()]).to(weight), weight, bias)
            parts = torch.split(every, [len(f) for f in given.values()])
            return dict(zip(given, parts, strict=True))
        like = next(head.parameters(), rows)
        with kept_streams(modalities.model):
            return {m: head(f.to(like.dtype)) for m, f in given.items()}

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """On the first batch, refuse logits of another shape than the model's."""
        if self._checked:
            return
        self._checked = True
        found = next(iter(self(modalities, features).values()))
        if found.shape != logits.shape:
            raise BalanceError(
                f"{self.title}: the head gives {tuple(found.shape)} for the batch, and the model's "
                f"logits are {tuple(logits.shape)}. Name the head that gives them."
            )
