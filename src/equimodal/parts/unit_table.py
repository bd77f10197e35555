"""All units of all modalities as the rows of one padded matrix: one row a layer."""

from collections.abc import Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from equimodal.parts.sharding import is_sharded, shard_group, sharded_importance
from equimodal.parts.units import Part, Units


class UnitTable:
    """Gathers the gradients of units into a padded (L, W) matrix and spreads masks back.

    Args:
        units: modality -> its layers. L layers in all, the widest with W units.
    """

    def __init__(self, units: Mapping[str, Sequence[Units]]) -> None:
        self.layers = [layer for group in units.values() for layer in group]
        self._counts = [layer.count for layer in self.layers]
        self.width = max(self._counts, default=0)
        owner = [k for k, group in enumerate(units.values()) for _ in group]
        offsets = [row * self.width + u for row, n in enumerate(self._counts) for u in range(n)]
        self.sizes = torch.tensor(self._counts)
        self.modality = torch.tensor(owner)
        self._positions = torch.tensor(offsets)

    def to(self, device: torch.device) -> None:
        """Move the index tensors, once."""
        if self.sizes.device != device:
            self.sizes = self.sizes.to(device)
            self.modality = self.modality.to(device)
            self._positions = self._positions.to(device)

    def importance(self) -> Tensor:
        """Sum of squared gradients of every unit; 0 without a gradient and in padding. -> (L, W)"""
        flat = torch.cat(self._importances())
        self.to(flat.device)
        padded = flat.new_zeros(len(self.layers) * self.width)
        return padded.index_copy_(0, self._positions, flat).view(-1, self.width)

    def _importances(self) -> list[Tensor]:
        """Importances layer by layer; those of sharded layers summed over their shards."""
        values = [_layer_importance(layer) for layer in self.layers]
        sharded = [k for k, layer in enumerate(self.layers) if _shards(layer)]
        groups = {shard_group(_shards(self.layers[k])[0]): None for k in sharded}
        for group in groups:
            mine = [k for k in sharded if shard_group(_shards(self.layers[k])[0]) == group]
            total = torch.cat([values[k] for k in mine])
            dist.all_reduce(total, group=group)
            parts = torch.split(total, [len(values[k]) for k in mine])
            for k, part in zip(mine, parts, strict=True):
                values[k] = part
        return values

    def factors(self, masks: Tensor) -> list[tuple[Part, Tensor]]:
        """Masks by parameter. (L, W) -> [(part, (units,))]"""
        flat = masks.reshape(-1).index_select(0, self._positions)
        rows = torch.split(flat, self._counts)
        return [
            (part, row)
            for layer, row in zip(self.layers, rows, strict=True)
            for part in layer.parts
        ]

    def by_modality(self, values: Tensor, count: int) -> Tensor:
        """Sums of per-layer values by modality. (L,) -> (count,)"""
        return values.new_zeros(count).index_add_(0, self.modality, values)


def _shards(layer: Units) -> list[Tensor]:
    """The sharded parameters of a layer: all of its parameters, or none."""
    return [part.parameter for part in layer.parts if is_sharded(part.parameter)]


def _layer_importance(layer: Units) -> Tensor:
    total: Tensor | None = None
    for part in layer.parts:
        squares = part_importance(part)
        if squares is not None:
            total = squares if total is None else total + squares
    if total is None:
        parameter = layer.parts[0].parameter
        return torch.zeros(layer.count, device=parameter.device, dtype=_wide(parameter.dtype))
    return total


def part_importance(part: Part) -> Tensor | None:
    """Squared gradients of one parameter summed by unit; None without a gradient. -> (units,)"""
    grad = part.parameter.grad
    if grad is None:
        return None
    if is_sharded(grad):
        return sharded_importance(part, grad, part.shape[part.axis])
    norm: Tensor = torch.linalg.vector_norm(
        part.view(grad), dim=part.others, dtype=_wide(grad.dtype)
    )
    return norm.square_()


def _wide(dtype: torch.dtype) -> torch.dtype:
    """float32 for half precision, whose squares would underflow."""
    return torch.float32 if dtype.itemsize < 4 else dtype
