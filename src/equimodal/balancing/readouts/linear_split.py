"""The exact parts of a linear head."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts.head_inputs import (
    Parts,
    applied,
    head_input,
    is_alone,
    is_concatenation,
    linear_layer,
    require_blocks,
    require_kind,
    require_named,
    require_own,
    require_widths,
    sum_of,
    whole_or_none,
)
from equimodal.balancing.readouts.readout import Readout, require_vectors
from equimodal.balancing.readouts.repetition import RepeatedCheck
from equimodal.balancing.readouts.split_gaps import gap_reason, is_close
from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.sharding import whole


class LinearSplit(Readout):
    r"""Exact parts of a linear head: :math:`o^m = W_m x^m + b_m`, which sum to the logits.

    :math:`x^m` is what the head itself reads of a modality in that forward pass: its features
    :math:`z^m`, behind whatever dropout, activation, batch normalisation or scaling lies between.
    Layers that mix modalities there, such as a layer normalisation over the concatenation, are
    refused by name on the first batch, or soon after one that begins as nothing has moved.

    Args:
        head: name of the ``nn.Linear`` that reads the concatenation of all features in the order of
            ``encoders`` (:math:`b_m = b / M`) or, where all are as wide as the head, their sum; or
            a linear layer for each modality, ``{"audio": "fc_a", "video": "fc_v"}``, whose
            outputs are summed.

    Raises:
        BalanceError: a head is not linear, its width does not fit the features', or, on the first
            batch, the parts do not sum to the logits (another order), or a layer before the head
            mixes modalities.
    """

    additive, _cosines = True, False

    def __init__(self, head: str | Mapping[str, str]) -> None:
        require_named(head)
        self.head = head
        self._widths: dict[str, int] = {}
        self._between = False
        self._checked = RepeatedCheck()

    @property
    def title(self) -> str:
        """With its head."""
        return f"LinearSplit({self.head!r})"

    def attach(self, modalities: ModalityMap) -> None:
        """Record from now on what the heads read; refuse those of another kind."""
        named = dict(modalities.model.named_modules())
        heads = [self.head] if isinstance(self.head, str) else self.head.values()
        for name in dict.fromkeys(heads):  # modalities may share one
            if isinstance(layer := named.get(name), nn.Linear):
                require_kind(self.title, name, layer, cosines=self._cosines)
                modalities.record.watch(name, layer)

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, D_m)} -> {m: (N, C)}

        A modality without features, which was missing in the whole batch, has its bias alone.
        """
        parts = self._parts(modalities, features)
        rows = next(iter(features.values()))
        read = self._read(modalities, features) or features
        return self._applied(modalities, parts, read, rows)

    def weights(
        self, modalities: ModalityMap, features: Mapping[str, Tensor]
    ) -> dict[str, Tensor] | None:
        """Each modality's part of the head. {m: (N, D_m)} -> {m: (C, D_m)}"""
        return {m: weight for m, (weight, _) in self._parts(modalities, features).items()}

    def fused(
        self, modalities: ModalityMap, features: Mapping[str, Tensor], *, training: bool = True
    ) -> Tensor:
        """Fused logits, without running the model where the head reads the features as they are:
        the sum of the parts, in which a blank modality has its bias. {m: (N, D_m)} -> (N, C)"""
        if not self._checked or self._between:
            return super().fused(modalities, features, training=training)
        parts, rows = self._parts(modalities, features), next(iter(features.values()))
        return sum_of(self._applied(modalities, parts, features, rows))

    def check(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> None:
        """On the first batch of equal rows, and some later ones, refuse parts that do not sum to
        the logits.

        A head whose weights are all zero shows no order, so that the next batch is checked.
        """
        unequal = len({len(f) for f in features.values()}) > 1
        if unequal or not self._checked.due(modalities.model):
            return
        if logits.ndim == 2:
            require_vectors(self.title, features)
        parts = next(iter(self(modalities, features).values()))
        if parts.shape != logits.shape:
            raise BalanceError(
                f"{self.title}: the head gives {tuple(parts.shape)} for the batch, and the model's "
                f"logits are {tuple(logits.shape)}. Name their layer, or use Ablation('zero')."
            )
        if self._read(modalities, features) is not None:
            self._check_read(modalities, features)
        gap = self.gap(modalities, features, logits)
        if not is_close(gap, logits) and gap == gap:
            raise BalanceError(
                f"{self.title}: the parts {list(modalities.names)} do not sum to the "
                f"logits (largest gap {gap:.2g}). "
                f"{gap_reason(modalities, self.head, features, logits)}"
            )
        if any(bool(w.any()) for w, _ in self._parts(modalities, features).values()):
            self._checked.passed(modalities.model)

    @torch.no_grad()
    def gap(self, modalities: ModalityMap, features: dict[str, Tensor], logits: Tensor) -> float:
        """Largest difference between the sum of the parts and the logits."""
        unimodal = self(modalities, features)
        total = sum_of({m: u.detach().float() for m, u in unimodal.items()})
        return float((total - logits.detach().float()).abs().max())

    def _read(
        self, modalities: ModalityMap, features: Mapping[str, Tensor]
    ) -> dict[str, Tensor] | None:
        """What the heads read of the modalities; None where these are the features themselves.

        Raises:
            BalanceError: layers lie between, and the head did not run.
        """
        if not isinstance(self.head, str):
            found = self._read_alone(modalities, self._layers(modalities, self.head), features)
        else:
            head = linear_layer(modalities, self.title, self.head)
            widths = self._all_widths(modalities.names, head.in_features)
            if set(widths) == {head.in_features}:
                return None
            whole_input = head_input(modalities, self.head, head.in_features, features)
            found = {}
            if whole_input is not None and sum(widths) == head.in_features:
                if is_concatenation(whole_input, list(features.values())):
                    return None
                blocks = zip(
                    modalities.names, torch.split(whole_input, widths, dim=-1), strict=True
                )
                # As the features lie in memory, so that equal numbers give equal bits.
                found = {m: x.contiguous() for m, x in blocks if m in features}
        if not found and self._between:
            raise BalanceError(
                f"{self.title}: layers lie between the features and the head, and the head did not "
                "run in this batch, as where modalities have rows of their own. Give paired "
                "batches, or use Ablation('zero')."
            )
        return found or None

    def _read_alone(
        self,
        modalities: ModalityMap,
        layers: Mapping[str, nn.Linear],
        features: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """What a layer for each modality reads; nothing where these are the features themselves."""
        assert not isinstance(self.head, str)
        found = {}
        for m, own in features.items():
            given = head_input(modalities, self.head[m], layers[m].in_features, {m: own})
            if given is not None and not is_alone(given, own):
                found[m] = given
        return {**features, **found} if found else {}

    def _check_read(self, modalities: ModalityMap, features: dict[str, Tensor]) -> None:
        """Refuse layers before the heads that mix modalities."""
        if isinstance(self.head, str):
            total = linear_layer(modalities, self.title, self.head).in_features
            widths = self._all_widths(modalities.names, total)
            named = dict(zip(modalities.names, widths, strict=True))
            require_blocks(modalities, self.title, self.head, named)
        else:
            require_own(modalities, self.title, self.head)
        read = self._read(modalities, features) or {}
        self._between |= any(not torch.equal(x, features[m]) for m, x in read.items())

    def _applied(
        self, modalities: ModalityMap, parts: Parts, read: Mapping[str, Tensor], rows: Tensor
    ) -> dict[str, Tensor]:
        return applied(parts, read, rows)

    def _parts(self, modalities: ModalityMap, features: Mapping[str, Tensor]) -> Parts:
        """Weight and bias of every modality's part. {m: (C, D_m), (C,)}"""
        names = modalities.names
        self._widths.update({m: f.shape[-1] for m, f in features.items()})
        if not isinstance(self.head, str):
            layers = self._layers(modalities, self.head)
            require_widths(self.title, layers, self._widths)
            return {m: (whole(x.weight), whole_or_none(x.bias)) for m, x in layers.items()}
        head = linear_layer(modalities, self.title, self.head)
        weight, bias = whole(head.weight), whole_or_none(head.bias)
        share = None if bias is None else bias / len(names)
        widths = self._all_widths(names, head.in_features)
        if set(widths) == {head.in_features}:
            return dict.fromkeys(names, (weight, share))
        if sum(widths) != head.in_features:
            raise BalanceError(
                f"{self.title}: the head takes {head.in_features} features, but the "
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
                f"{self.title}: the modalities {unseen} were missing in every batch "
                "so far, so that their parts of the head are not known. Begin with a batch that "
                "holds them."
            )
        return [self._widths[m] for m in names]

    def _layers(self, modalities: ModalityMap, heads: Mapping[str, str]) -> dict[str, nn.Linear]:
        if set(heads) != set(modalities.names):
            raise BalanceError(
                f"LinearSplit must name a layer for each of {list(modalities.names)}; found "
                f"{sorted(heads)}."
            )
        return {m: linear_layer(modalities, self.title, heads[m]) for m in modalities.names}
