"""Whether what is read of one modality holds another's features, and which layer mixed them.

The layers after the encoders run again on one batch, in evaluation mode, each time with noise on
one modality's features: what changes was made of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from equimodal.parts.modalities import ModalityMap
from equimodal.parts.outputs import tensors_in
from equimodal.parts.quiet import kept_streams

Seen = list[tuple[str, Tensor | None, Tensor | None]]
"""Layers in the order in which they were done: name, first input and first output."""


@torch.no_grad()
def traced(
    modalities: ModalityMap, disturbed: str | None, layers: Mapping[str, nn.Module]
) -> tuple[Any, Seen]:
    """The model's output, and what went into and came out of layers, one modality disturbed."""
    seen: Seen = []
    hooks = []
    for name, layer in layers.items():

        def saw(_: nn.Module, args: Any, output: Any, name: str = name) -> None:
            seen.append((name, _first(args), _first(output)))

        hooks.append(layer.register_forward_hook(saw))
    try:
        with kept_streams(modalities.model):
            output = modalities.record.rerun_disturbed(disturbed)
    finally:
        for hook in hooks:
            hook.remove()
    return output, seen


def _first(given: Any) -> Tensor | None:
    """The first tensor in it that has rows."""
    return next((x.detach() for x in tensors_in(given) if x.ndim > 1), None)


def changed(value: Tensor | None, other: Tensor | None) -> Tensor:
    """Positions of a sample at which two batches differ in any row. (N, ...) -> (...)"""
    if value is None or other is None:
        return torch.zeros((), dtype=torch.bool)
    if value.shape != other.shape:
        return value.new_ones(value.shape[1:], dtype=torch.bool)
    same = (value == other) | (value.isnan() & other.isnan())
    return ~same.all(0)


def input_sources(modalities: ModalityMap, names: Sequence[str]) -> dict[str, dict[str, Tensor]]:
    """Positions of each layer's input that each modality reaches. -> {layer: {m: (D,)}}"""
    layers = {name: modalities.model.get_submodule(name) for name in names}
    runs = {
        m: {name: given for name, given, _ in traced(modalities, m, layers)[1]}
        for m in (None, *modalities.names)
    }
    return {
        name: {m: changed(runs[None][name], runs[m][name]) for m in modalities.names}
        for name in names
    }


def mixing_layer(modalities: ModalityMap) -> str:
    """The first layer after the encoders that makes one number of several modalities."""
    model = modalities.model
    layers = {name: layer for name, layer in model.named_modules() if name}
    base, *others = (traced(modalities, m, layers)[1] for m in (None, *modalities.names))
    if all([name for name, *_ in run] == [name for name, *_ in base] for run in others):
        for (name, given, made), *rest in zip(base, *others, strict=True):
            before = [changed(given, other[1]) for other in rest]
            if not _overlap(before) and _overlap([changed(made, other[2]) for other in rest]):
                return f"the layer {name!r} ({type(layers[name]).__name__})"
    return f"{type(model).__name__}.forward itself"


def _overlap(reached: Sequence[Tensor]) -> bool:
    """Whether two modalities reach one position."""
    return bool((torch.stack(list(reached)).sum(0) > 1).any())


def layers_around(modalities: ModalityMap, head: str) -> tuple[list[str], list[str]]:
    """Layers without children, outside the encoders, that ran before the head and after it."""
    model = modalities.model
    inside = {x for m in modalities.names for x in modalities.inside(m)}
    leaves = {
        name: layer for name, layer in model.named_modules()
        if name == head or (layer not in inside and not list(layer.children()))
    }  # fmt: skip
    ran = [name for name, *_ in traced(modalities, None, leaves)[1]]
    at = ran.index(head) if head in ran else len(ran)
    named = [f"{name!r} ({type(leaves[name]).__name__})" for name in ran]
    return named[:at], named[at + 1 :]
