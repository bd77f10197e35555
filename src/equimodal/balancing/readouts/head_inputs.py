"""What a linear head really reads of every modality."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from equimodal.balancing.readouts.separation import input_sources, mixing_layer
from equimodal.errors import BalanceError, quoted
from equimodal.parts.cosine_head import CosineHead
from equimodal.parts.modalities import ModalityMap
from equimodal.parts.sharding import whole

Parts = Mapping[str, tuple[Tensor, Tensor | None]]
"""Weight and bias of every modality's part of a head. {m: (C, D_m), (C,)}"""

_INSTEAD = (
    "Put it before the concatenation, one for each modality, or use Ablation('zero'), which takes "
    "any head."
)


def require_named(head: object) -> None:
    """Refuse what names no layer. Raises BalanceError."""
    named = [head] if isinstance(head, str) else head.values() if isinstance(head, Mapping) else []
    if not named or not all(isinstance(name, str) for name in named):
        raise BalanceError(
            "LinearSplit takes the name of the head, such as LinearSplit('fc'), or of a layer for "
            f"each modality; found {quoted(head)}."
        )


def filled(parts: Parts, read: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """What every modality's part reads: zeros, in as many rows, where it has no features.

    {m: (C, D_m), (C,)}, {m: (N, [T,] D_m)} -> {m: (N, [T,] D_m)}
    """
    return {
        m: read[m] if m in read else rows.new_zeros(*rows.shape[:-1], w.shape[1])
        for m, (w, _) in parts.items()
    }


def applied(parts: Parts, read: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """Every modality's part of a linear head; without features it is the bias, in as many rows.

    {m: (C, D_m), (C,)}, {m: (N, [T,] D_m)} -> {m: (N, [T,] C)}
    """
    given = filled(parts, read, rows)
    # Outside the encoders' autocast features may have less precision than heads.
    return {m: nn.functional.linear(given[m].to(w.dtype), w, b) for m, (w, b) in parts.items()}


def sum_of(parts: Mapping[str, Tensor]) -> Tensor:
    """The parts of all modalities added up. {m: (N, C)} -> (N, C)"""
    return torch.stack(list(parts.values())).sum(0)


def whole_or_none(value: Tensor | None) -> Tensor | None:
    """A parameter from its shards; None as it is."""
    return None if value is None else whole(value)


def require_kind(title: str, name: str, head: nn.Linear, *, cosines: bool) -> None:
    """Refuse a cosine head, or with ``cosines`` any other. Raises BalanceError."""
    if isinstance(head, CosineHead) != cosines:
        raise BalanceError(
            f"{title} reads {'a CosineHead' if cosines else 'linear layers'}; found "
            f"{type(head).__name__}. Write {'LinearSplit' if cosines else 'CosineSplit'}({name!r})."
        )


def require_widths(title: str, layers: Mapping[str, nn.Linear], widths: Mapping[str, int]) -> None:
    """Refuse layers that do not fit the features. Raises BalanceError."""
    for m, layer in layers.items():
        if widths.get(m, layer.in_features) != layer.in_features:
            raise BalanceError(
                f"{title}: the layer of {m!r} takes {layer.in_features} features, but its encoder "
                f"gives {widths[m]}. Name the layer that reads them, or use Ablation('zero')."
            )


def linear_layer(modalities: ModalityMap, title: str, name: str) -> nn.Linear:
    """A linear layer by its name. Raises BalanceError."""
    try:
        head = modalities.model.get_submodule(name)
    except AttributeError:
        linear = [n for n, x in modalities.model.named_modules() if isinstance(x, nn.Linear)]
        raise BalanceError(
            f"{title}: the model has no such module. Its linear layers: {linear[-5:]}."
        ) from None
    if not isinstance(head, nn.Linear):
        inside = [n for n, x in head.named_modules() if isinstance(x, nn.Linear)]
        hint = f" Its only linear layer is {f'{name}.{inside[0]}'!r}: name that." * (
            len(inside) == 1
        )
        raise BalanceError(
            f"{title} needs one nn.Linear; found {type(head).__name__}.{hint} Use Ablation('zero') "
            "for any other head."
        )
    return head


def head_input(
    modalities: ModalityMap, name: str, width: int, features: Mapping[str, Tensor]
) -> Tensor | None:
    """What went into the head in the pass whose features were taken. (N, [T,] D)

    None where it did not run, or ran more than once, or was given what no gradient passes.
    """
    calls = modalities.record.calls_of(name)
    found = calls[0][0][0] if len(calls) == 1 and calls[0][0] else None
    if not isinstance(found, Tensor) or found.ndim < 2 or found.shape[-1] != width:
        return None
    cut = torch.is_grad_enabled() and not found.requires_grad
    if cut and any(f.requires_grad for f in features.values()):
        return None
    rows = found.shape[:-1]
    return found if all(f.shape[: len(rows)] == rows for f in features.values()) else None


def is_concatenation(found: Tensor, features: Sequence[Tensor]) -> bool:
    """Whether the autograd graph says that nothing but a concatenation made it of the features."""
    node = found.grad_fn
    if node is None or node.name() != "CatBackward0" or any(f.grad_fn is None for f in features):
        return False
    return list(node.next_functions) == [(f.grad_fn, f.output_nr) for f in features]


def is_alone(found: Tensor, features: Tensor) -> bool:
    """Whether a head reads the features themselves."""
    if found is features:
        return True
    made = features.grad_fn
    return made is not None and (found.grad_fn, found.output_nr) == (made, features.output_nr)


def require_blocks(
    modalities: ModalityMap, title: str, head: str, widths: Mapping[str, int]
) -> None:
    """Refuse a head whose input is not a block of each modality in their order. BalanceError."""
    sources = {
        m: row.reshape(-1, row.shape[-1]).any(0)
        for m, row in input_sources(modalities, [head])[head].items()
    }
    reached = torch.stack([sources[m] for m in modalities.names])
    if bool((reached.sum(0) > 1).any()):
        raise BalanceError(
            f"{title}: {mixing_layer(modalities)} mixes modalities before the head, so that no "
            f"part of the head belongs to one of {list(modalities.names)}. {_INSTEAD}"
        )
    for m, row in sources.items():
        if not bool(row.any()):
            raise BalanceError(
                f"{title}: the head reads nothing of the features of {m!r}. Name the encoder whose "
                "output reaches it, or the entry of its output that does, Encoder(..., output=1), "
                "or use Ablation('zero')."
            )
    given = list(modalities.names)
    order = sorted(given, key=lambda m: int(sources[m].int().argmax()))
    if _in_blocks(sources, widths, given):
        return
    if _in_blocks(sources, widths, order):
        raise BalanceError(
            f"{title}: the parts {given} do not sum to the logits: the head reads the modalities "
            f"in the order {order}; reorder encoders like that, or use Ablation('zero')."
        )
    raise BalanceError(
        f"{title}: the parts {given} do not sum to the logits: the head reads their features "
        "interleaved, and not one block of each. Concatenate them as they are, torch.cat([...], "
        "-1), in the order of encoders, or use Ablation('zero')."
    )


def _in_blocks(
    sources: Mapping[str, Tensor], widths: Mapping[str, int], order: Sequence[str]
) -> bool:
    """Whether all that each modality reaches lies in a block as wide as its features.

    {m: (D,)}, {m: D_m}
    """
    start = 0
    for m in order:
        outside = sources[m].clone()
        outside[start : start + widths[m]] = False
        if bool(outside.any()):
            return False
        start += widths[m]
    return True


def require_own(modalities: ModalityMap, title: str, heads: Mapping[str, str]) -> None:
    """Refuse heads of one modality each that read another's features. Raises BalanceError."""
    sources = input_sources(modalities, list(heads.values()))
    for m, name in heads.items():
        strange = [n for n in modalities.names if n != m and bool(sources[name][n].any())]
        if strange:
            raise BalanceError(
                f"{title}: the layer {name!r} of {m!r} also reads the features of {strange}: "
                f"{mixing_layer(modalities)} mixes modalities before it. {_INSTEAD}"
            )
