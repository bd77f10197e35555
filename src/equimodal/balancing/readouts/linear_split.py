"""The exact parts of a linear head."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts.readout import Readout, require_vectors
from equimodal.errors import BalanceError, quoted
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.sharding import whole


class LinearSplit(Readout):
    r"""Exact parts of a linear head: :math:`o^m = W_m z^m + b_m`, which sum to the logits.

    Args:
        head: name of the ``nn.Linear`` that reads the concatenation of all features in the order of
            ``encoders`` (:math:`b_m = b / M`) or, where all are as wide as the head, their sum; or
            a linear layer for each modality, ``{"audio": "fc_a", "video": "fc_v"}``, whose
            outputs are summed.

    Raises:
        BalanceError: a head is not linear, its width does not fit the features', or, on the first
            batch, the parts do not sum to the logits (another order).
    """

    additive = True

    def __init__(self, head: str | Mapping[str, str]) -> None:
        _check(head)
        self.head = head
        self._widths: dict[str, int] = {}
        self._checked = False

    @property
    def title(self) -> str:
        """With its head."""
        return f"LinearSplit({self.head!r})"

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, D_m)} -> {m: (N, C)}

        A modality without features, which was missing in the whole batch, has its bias alone.
        """
        require_vectors(self.title, features)
        parts = self._parts(modalities, features)
        rows = next(iter(features.values()))
        given = {
            m: features[m] if m in features else rows.new_zeros(len(rows), w.shape[1])
            for m, (w, _) in parts.items()
        }
        # Outside the encoders' autocast features may have less precision than heads.
        return {m: nn.functional.linear(given[m].to(w.dtype), w, b) for m, (w, b) in parts.items()}

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """On the first batch of equal rows, refuse parts that do not sum to the logits.

        A head whose weights are all zero shows no order, so that a later batch is checked.
        """
        if self._checked or len({len(f) for f in features.values()}) > 1:
            return
        parts = next(iter(self(modalities, features).values()))
        if parts.shape != logits.shape:
            raise BalanceError(
                f"LinearSplit({self.head!r}): the head gives {tuple(parts.shape)} for the features "
                f"of the batch, and the model's logits are {tuple(logits.shape)}. Name the layer "
                "that gives the logits, or use Ablation('zero')."
            )
        gap = self.gap(modalities, features, logits)
        if not gap <= 0.02 * float(logits.detach().abs().max()) + 1e-4 and gap == gap:
            raise BalanceError(
                f"LinearSplit({self.head!r}): the parts {list(modalities.names)} do not sum to the "
                f"logits (largest gap {gap:.2g}). The head must read the plain concatenation of "
                "the features in the order of encoders, or their sum; reorder encoders or use "
                "Ablation('zero')."
            )
        weights = [w for w, _ in self._parts(modalities, features).values()]
        self._checked = any(bool(w.any()) for w in weights)

    @torch.no_grad()
    def gap(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> float:
        """Largest difference between the sum of the parts and the logits."""
        unimodal = self(modalities, features)
        total = torch.stack([u.detach().float() for u in unimodal.values()]).sum(0)
        return float((total - logits.detach().float()).abs().max())

    def _parts(
        self, modalities: ModalityMap, features: Mapping[str, Tensor]
    ) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Weight and bias of every modality's part. {m: (C, D_m), (C,)}"""
        names = modalities.names
        self._widths.update({m: f.shape[-1] for m, f in features.items()})
        if not isinstance(self.head, str):
            layers = self._layers(modalities, self.head)
            self._check_widths(layers)
            return {m: (whole(x.weight), _whole_or_none(x.bias)) for m, x in layers.items()}
        head = self._linear(modalities, self.head)
        weight, bias = whole(head.weight), _whole_or_none(head.bias)
        share = None if bias is None else bias / len(names)
        widths = self._all_widths(names, head.in_features)
        if set(widths) == {head.in_features}:
            return dict.fromkeys(names, (weight, share))
        if sum(widths) != head.in_features:
            raise BalanceError(
                f"LinearSplit({self.head!r}): the head takes {head.in_features} features, but the "
                f"encoders give {dict(zip(names, widths, strict=True))}. Use Ablation('zero') "
                "unless the head reads their plain concatenation or their sum."
            )
        blocks = torch.split(weight, widths, dim=1)
        return {m: (block, share) for m, block in zip(names, blocks, strict=True)}

    def _all_widths(self, names: tuple[str, ...], total: int) -> list[int]:
        """Widths of all features; the one that was never seen is what the head has left."""
        unseen = [m for m in names if m not in self._widths]
        if len(unseen) == 1:
            self._widths[unseen[0]] = total - sum(self._widths.values())
        elif unseen:
            raise BalanceError(
                f"LinearSplit({self.head!r}): the modalities {unseen} were missing in every batch "
                "so far, so that their parts of the head are not known. Begin with a batch that "
                "holds them."
            )
        return [self._widths[m] for m in names]

    def _check_widths(self, layers: Mapping[str, nn.Linear]) -> None:
        for m, layer in layers.items():
            if self._widths.get(m, layer.in_features) != layer.in_features:
                raise BalanceError(
                    f"LinearSplit({self.head!r}): the layer of {m!r} takes {layer.in_features} "
                    f"features, but its encoder gives {self._widths[m]}. Name the layer that reads "
                    "them, or use Ablation('zero')."
                )

    def _layers(self, modalities: ModalityMap, heads: Mapping[str, str]) -> dict[str, nn.Linear]:
        if set(heads) != set(modalities.names):
            raise BalanceError(
                f"LinearSplit must name a layer for each of {list(modalities.names)}; found "
                f"{sorted(heads)}."
            )
        return {m: self._linear(modalities, heads[m]) for m in modalities.names}

    def _linear(self, modalities: ModalityMap, name: str) -> nn.Linear:
        try:
            head = modalities.model.get_submodule(name)
        except AttributeError:
            linear = [n for n, x in modalities.model.named_modules() if isinstance(x, nn.Linear)]
            raise BalanceError(
                f"LinearSplit({self.head!r}): the model has no such module. "
                f"Its linear layers: {linear[-5:]}."
            ) from None
        if not isinstance(head, nn.Linear):
            raise BalanceError(
                f"LinearSplit({self.head!r}) needs one nn.Linear; found {type(head).__name__}. "
                "Use Ablation('zero') for any other head."
            )
        return head


def _check(head: object) -> None:
    """Refuse what names no layer. Raises BalanceError."""
    named = [head] if isinstance(head, str) else head.values() if isinstance(head, Mapping) else []
    if not named or not all(isinstance(name, str) for name in named):
        raise BalanceError(
            "LinearSplit takes the name of the head, such as LinearSplit('fc'), or of a layer for "
            f"each modality; found {quoted(head)}."
        )


def _whole_or_none(value: Tensor | None) -> Tensor | None:
    return None if value is None else whole(value)
