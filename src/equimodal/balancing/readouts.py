"""Unimodal logits: what a fused model predicts from one modality alone.

Scores from different readouts are not comparable; a report names the readout.

=======================  ==============================================  =====================
readout                  for                                             cost of a step
=======================  ==============================================  =====================
:class:`LinearSplit`     concatenation or sum, and a linear head         M small products
:class:`Ablation`        any head after named encoder modules            M times the head
:class:`InputAblation`   no encoder modules: inputs are blanked          M forward passes
:class:`AuxiliaryHeads`  a trained linear probe per modality             M small products
=======================  ==============================================  =====================
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.quiet import kept_streams
from equimodal.parts.sharding import whole


def logits_of(output: Any) -> Tensor | None:
    """The logits in a model's output: a tensor, ``.logits``, ``["logits"]`` or the first entry."""
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "logits"):
        return _tensor_or_none(output.logits)
    if isinstance(output, Mapping) and "logits" in output:
        return _tensor_or_none(output["logits"])
    if isinstance(output, tuple) and output and isinstance(output[0], Tensor):
        return output[0]
    raise BalanceError(
        f"No logits in the model's output of type {type(output).__name__}. Return a tensor, a "
        "tuple that starts with it, or an object or mapping with 'logits'."
    )


def _tensor_or_none(value: Any) -> Tensor | None:
    if value is None or isinstance(value, Tensor):
        return value
    raise BalanceError(f"'logits' must be a tensor or None; found {type(value).__name__}.")


class Readout(Protocol):
    """Turns features into unimodal logits: ``{m: (N, ...)} -> {m: (N, C)}``."""

    additive: bool
    """Whether the unimodal logits sum to the fused logits."""
    differentiable: bool
    """Whether a loss on the unimodal logits trains the encoders."""

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits of the latest forward pass. {m: (N, ...)} -> {m: (N, C)}"""
        ...


class LinearSplit:
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
    differentiable = True

    def __init__(self, head: str | Mapping[str, str]) -> None:
        self.head = head
        self._widths: dict[str, int] = {}
        self._checked = False

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, D_m)} -> {m: (N, C)}

        A modality without features, which was missing in the whole batch, has its bias alone.
        """
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


def _whole_or_none(value: Tensor | None) -> Tensor | None:
    return None if value is None else whole(value)


class Ablation:
    """Any head: it runs again with every other modality's features replaced.

    Only the layers after the encoders run again, once a modality, in evaluation mode.

    Args:
        fill: what replaces them: ``"zero"``, or the batch's ``"mean"`` features.
    """

    additive = False
    differentiable = True

    def __init__(self, fill: str = "zero") -> None:
        if fill not in ("zero", "mean"):
            raise BalanceError(f"Ablation fill must be 'zero' or 'mean'; found {fill!r}.")
        self.fill = fill

    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits. {m: (N, ...)} -> {m: (N, C)}"""
        unimodal = {}
        for kept, own in features.items():
            replaced = {
                m: own if m == kept else self._filled(f, len(own)) for m, f in features.items()
            }
            unimodal[kept] = _required(logits_of(modalities.rerun(replaced)))
        return unimodal

    def _filled(self, features: Tensor, rows: int) -> Tensor:
        """What replaces the features, in as many rows as the kept modality has."""
        if self.fill == "zero":
            return features.new_zeros(rows, *features.shape[1:])
        return features.detach().mean(0, keepdim=True).expand(rows, *features.shape[1:])


class InputAblation:
    """No separable encoders: the whole model runs again with inputs blanked.

    M extra forward passes a step, in evaluation mode and without gradients.

    Args:
        blank: ``blank(modality, *args, **kwargs) -> (args, kwargs)``: the arguments of the
            model's latest call with one modality blanked.
    """

    additive = False
    differentiable = False

    def __init__(self, blank: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]) -> None:
        self.blank = blank

    @torch.no_grad()
    def __call__(self, modalities: ModalityMap, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Unimodal logits, without gradient. -> {m: (N, C)}"""
        latest = modalities.last_call()
        unimodal = {}
        for kept in modalities.names:
            args, kwargs = latest
            for other in modalities.names:
                if other != kept:
                    args, kwargs = self.blank(other, *args, **kwargs)
            with kept_streams(modalities.model):
                output = modalities.call_quietly(*args, **kwargs)
            unimodal[kept] = _required(logits_of(output))
        return unimodal


class AuxiliaryHeads(nn.Module):
    """One linear probe a modality, trained beside the model on detached features.

    Where the method reads unimodal logits, their loss is added to ``balancer.loss(...)``; it
    reaches the probes alone. Give their parameters to the optimizer:
    ``SGD([*model.parameters(), *readout.parameters()])``. Under DDP wrap them in a DDP of their
    own, or every rank keeps its own probes.

    Args:
        widths: modality -> width of its features.
        classes: number of classes.
    """

    additive = False
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


def _required(logits: Tensor | None) -> Tensor:
    if logits is None:
        raise BalanceError("The model gave no logits for an ablated batch; it must fuse its input.")
    return logits
