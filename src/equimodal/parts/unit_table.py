"""All units of all modalities as the rows of one padded matrix: one row a layer."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import torch
import torch.distributed as dist
from torch import Tensor

from equimodal.parts.sharding import is_sharded, local, shard_group, sharded_importance
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
        self.valid = torch.arange(self.width) < self.sizes[:, None]
        """(L, W) whether there is such a unit, and no padding."""

    def to(self, device: torch.device) -> None:
        """Move the index tensors, once."""
        if self.sizes.device != device:
            self.sizes = self.sizes.to(device)
            self.modality = self.modality.to(device)
            self.valid = self.valid.to(device)
            self._positions = self._positions.to(device)

    def importance(self) -> Tensor:
        """Sum of squared gradients of every unit; 0 without a gradient and in padding. -> (L, W)"""
        flat = torch.cat(self._importances())
        self.to(flat.device)
        padded = flat.new_zeros(len(self.layers) * self.width)
        return padded.index_copy_(0, self._positions, flat).view(-1, self.width)

    def _importances(self) -> list[Tensor]:
        """Importances layer by layer; those of sharded layers summed over their shards."""
        sharded = [k for k, layer in enumerate(self.layers) if _shards(layer)]
        whole = {k: layer for k, layer in enumerate(self.layers) if k not in sharded}
        squares = iter(_squares([part for layer in whole.values() for part in layer.parts]))
        values = [
            reduce(add, [next(squares) for _ in layer.parts]) if k in whole else _of_shard(layer)
            for k, layer in enumerate(self.layers)
        ]
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
        """Masks by parameter, as `Part.along` shapes them.

        (L, W) -> [(part, (1, .., units, .., 1))]
        """
        flat = masks.reshape(-1).index_select(0, self._positions)
        # One view for all parts of one number of axes, in place of one for each.
        rows = {}
        for before, after in {_around(part) for layer in self.layers for part in layer.parts}:
            shaped = flat.view(*[1] * before, -1, *[1] * after)
            rows[before, after] = torch.split(shaped, self._counts, before)
        return [
            (part, rows[_around(part)][k])
            for k, layer in enumerate(self.layers)
            for part in layer.parts
        ]

    def by_modality(self, values: Tensor, count: int) -> Tensor:
        """Sums of per-layer values by modality. (L,) -> (count,)"""
        return values.new_zeros(count).index_add_(0, self.modality, values)


def _shards(layer: Units) -> list[Tensor]:
    """The sharded parameters of a layer: all of its parameters, or none."""
    return [part.parameter for part in layer.parts if is_sharded(part.parameter)]


def _squares(parts: Sequence[Part]) -> list[Tensor]:
    """Squared gradients of whole parameters summed by unit, squared all at once. -> (units,) each

    A small operation a layer is what this costs on a GPU, so that there is no more than one.
    """
    norms = [_norms(part) for part in parts]
    flat = torch.cat(norms).square_() if norms else torch.zeros(0)
    return list(torch.split(flat, [len(norm) for norm in norms]))


def _norms(part: Part) -> Tensor:
    """Norm of every unit's gradient; 0 without a gradient. -> (units,)"""
    grad, parameter = part.parameter.grad, part.parameter
    if grad is None:
        count = part.shape[part.axis]
        return torch.zeros(count, device=parameter.device, dtype=_wide(parameter.dtype))
    norms: Tensor = torch.linalg.vector_norm(
        part.view(grad), dim=part.others, dtype=_wide(grad.dtype)
    )
    return norms


def _of_shard(layer: Units) -> Tensor:
    """Squared gradients of this rank's rows summed by unit; 0 without a gradient. -> (units,)"""
    first = local(layer.parts[0].parameter)
    found = [
        sharded_importance(part, part.parameter.grad, part.shape[part.axis])
        for part in layer.parts
        if part.parameter.grad is not None
    ]
    none = torch.zeros(layer.count, device=first.device, dtype=_wide(first.dtype))
    return reduce(add, found) if found else none


def _around(part: Part) -> tuple[int, int]:
    """Axes before the units' own, and behind it."""
    return part.axis, len(part.shape) - part.axis - 1


def _wide(dtype: torch.dtype) -> torch.dtype:
    """float32 for half precision, whose squares would underflow."""
    return torch.float32 if dtype.itemsize < 4 else dtype
