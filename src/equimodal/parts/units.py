"""The units of an encoder: the smallest parts that a method updates or leaves as a whole.

A unit is chosen by the type of its module, never by the number of dimensions of a tensor:

=====================================  ===================================================
module                                 unit
=====================================  ===================================================
``nn.Conv1d/2d/3d``                    output filter (axis 0)
``nn.ConvTranspose1d/2d/3d``           output filter (axis 1)
``nn.Linear``                          row, that is output neuron (axis 0)
Hugging Face ``Conv1D``                output column (axis 1)
attention (``nn.MultiheadAttention``,  head, across its query, key and value projections
Hugging Face attention)
``nn.RNN/LSTM/GRU`` and their cells    hidden unit, across its gates
=====================================  ===================================================

:mod:`equimodal.parts.attention` says which attention is known; any other is units by row. Biases,
embeddings, normalisation layers and weights under a parametrisation have no units: their gradients
are never masked.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import Parameter

from equimodal.parts.attention import by_columns, find_heads

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Part:
    """One parameter of a group of units, viewed as ``shape`` with the units along ``axis``."""

    parameter: Parameter
    shape: tuple[int, ...]
    axis: int

    def view(self, tensor: Tensor) -> Tensor:
        """``tensor``, of the parameter's shape, so that units lie along ``axis``. No copy."""
        return tensor if tensor.shape == self.shape else tensor.view(self.shape)

    def along(self, values: Tensor) -> Tensor:
        """``values``, shaped to broadcast over :meth:`view`, if they are not yet.

        (units,) -> (1, .., units, .., 1)
        """
        if values.ndim == len(self.shape):
            return values
        shape = [1] * len(self.shape)
        shape[self.axis] = -1
        return values.view(shape)

    @property
    def others(self) -> tuple[int, ...]:
        """The axes other than the units' own."""
        return tuple(i for i in range(len(self.shape)) if i != self.axis)


@dataclass(frozen=True)
class Units:
    """``count`` units of one layer and the parameters that belong to them."""

    name: str
    count: int
    parts: tuple[Part, ...]


def find_units(model: nn.Module) -> list[Units]:
    """All units of ``model``, in the order of its modules; a shared parameter is listed once.

    A weight that is shared with an embedding is an embedding.
    """
    embeddings = (x for x in model.modules() if isinstance(x, (nn.Embedding, nn.EmbeddingBag)))
    seen = {id(embedding.weight) for embedding in embeddings}
    found = []
    for units in _walk(model, ""):
        parts = tuple(_unseen(units.parts, seen))
        if parts:
            found.append(Units(units.name, units.count, parts))
    return found


def _unseen(parts: Sequence[Part], seen: set[int]) -> Iterator[Part]:
    for part in parts:
        if id(part.parameter) not in seen:
            seen.add(id(part.parameter))
            yield part


def _walk(module: nn.Module, name: str) -> Iterator[Units]:
    own, covered = _own_units(module, name)
    yield from own
    for child_name, child in module.named_children():
        if child_name not in covered:
            yield from _walk(child, f"{name}.{child_name}" if name else child_name)


def _own_units(module: nn.Module, name: str) -> tuple[list[Units], Sequence[str]]:
    """Units that ``module`` holds itself, and the children that they already cover."""
    if isinstance(module, (nn.RNNBase, nn.RNNCellBase)):
        return _recurrent(module, name), ()
    heads = find_heads(module)
    if heads is not None:
        parts = tuple(Part(*view) for view in heads.views)
        return [Units(name, heads.count, parts)], heads.layers
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Parameter):
        return [], ()
    if isinstance(module, (*_CONVOLUTIONS, nn.Linear)):
        return [_single(weight, 0, name)], ()
    if isinstance(module, _TRANSPOSED) or by_columns(module):
        return [_single(weight, 1, name)], ()
    return [], ()


def _single(weight: Parameter, axis: int, name: str) -> Units:
    return Units(name, weight.shape[axis], (Part(weight, tuple(weight.shape), axis),))


def _recurrent(module: nn.Module, name: str) -> list[Units]:
    """One group a layer and direction: the hidden units across their gates."""
    hidden = int(module.hidden_size)  # type: ignore[arg-type]
    layers: dict[str, list[Part]] = {}
    for key, weight in module.named_parameters(recurse=False):
        if key.startswith(("weight_ih", "weight_hh")):
            gates = weight.shape[0] // hidden
            part = Part(weight, (gates, hidden, math.prod(weight.shape[1:])), 1)
            layers.setdefault(key[9:].removeprefix("_"), []).append(part)
    return [
        Units(".".join(filter(None, (name, layer))), hidden, tuple(parts))
        for layer, parts in layers.items()
    ]
