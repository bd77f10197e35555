"""Parameters that FSDP2 shards over ranks: rows of their first dimension, and the units in them.

Gradients stay where they are: only importances, one number a unit, are summed over the shards.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from equimodal.errors import BalanceError
from equimodal.parts.units import Part


def is_sharded(tensor: Any) -> bool:
    """Whether a tensor is a shard of a larger one."""
    return _is_distributed(tensor) and any(p.is_shard() for p in tensor.placements)


def local(tensor: Any) -> Tensor:
    """This rank's part of a tensor; the tensor itself where it is not distributed."""
    part: Tensor = tensor.to_local() if _is_distributed(tensor) else tensor
    return part


def whole(tensor: Any) -> Tensor:
    """A tensor gathered from its shards; its gradient is averaged over the ranks, as FSDP2 does."""
    if not _is_distributed(tensor):
        plain: Tensor = tensor
        return plain
    from torch.distributed.tensor import Partial, Replicate

    count = tensor.device_mesh.ndim
    gathered = tensor.redistribute(placements=[Replicate()] * count)
    full: Tensor = gathered.to_local(grad_placements=[Partial("avg")] * count)
    return full


def forget_gathered(model: nn.Module) -> None:
    """Drop the gathered copies that FSDP2 keeps after a forward pass without a backward pass.

    They hold the weights as they were: after weights were moved, the next pass must gather anew.
    """
    modules: list[Any] = list(model.modules())
    for module in modules:
        if hasattr(module, "reshard") and hasattr(module, "unshard"):
            module.reshard()


def refuse_other_layouts(name: str, tensor: Any) -> None:
    """Raise BalanceError unless a tensor is whole, or sharded by rows along one mesh dimension."""
    if not _is_distributed(tensor):
        return
    shards = [p for p in tensor.placements if p.is_shard()]
    partial = any(p.is_partial() for p in tensor.placements)
    if partial or len(shards) > 1 or any(p.dim != 0 for p in shards):
        raise BalanceError(
            f"Parameter {name!r} is laid out as {tuple(tensor.placements)}; units are found in "
            "parameters that fully_shard() shards by their first dimension. Leave tensor "
            "parallelism out of the encoders."
        )


def shard_group(tensor: Any) -> dist.ProcessGroup:
    """The ranks that hold the shards of a tensor."""
    position = [p.is_shard() for p in tensor.placements].index(True)
    group: dist.ProcessGroup = tensor.device_mesh.get_group(position)
    return group


def local_units(part: Part) -> Tensor | None:
    """Unit of every local row of a sharded parameter; None where every row holds all units.

    -> (local rows,) int64
    """
    rows = part.parameter.shape[0]
    units = _units_of_rows(part, rows)
    if units is None:
        return None
    return own_rows(part.parameter, units)


def own_rows(tensor: Any, values: Tensor) -> Tensor:
    """This rank's rows of ``values``, which has a row for each of a tensor; all of them where it
    is not sharded. (rows, ...) -> (local rows, ...)"""
    if not is_sharded(tensor):
        return values
    # Shards are as torch.chunk cuts them: of equal length, but the last ones, which may be empty.
    rows, group = len(values), shard_group(tensor)
    size, rank = dist.get_world_size(group), dist.get_rank(group)
    step = -(-rows // size)
    return values[min(rank * step, rows) : min((rank + 1) * step, rows)]


def sharded_importance(part: Part, grad: Tensor, count: int) -> Tensor:
    """Squared gradients of this rank's rows summed by unit; 0 for units elsewhere. -> (units,)"""
    mine, units = local(grad), local_units(part)
    squares = mine.float().square() if mine.dtype.itemsize < 4 else mine.square()
    if units is None:
        return squares.view(-1, *part.shape[1:]).transpose(0, part.axis).flatten(1).sum(1)
    sums = squares.new_zeros(count)
    return sums.index_add_(0, units.to(mine.device), squares.flatten(1).sum(1))


def spread(part: Part, factor: Tensor) -> Tensor:
    """Factors of units, shaped to multiply a parameter, or a rank's rows of a sharded one.

    (units,), or as `Part.along` gives it -> broadcasts over ``local(parameter)``
    """
    shape = part.parameter.shape
    units = local_units(part)
    if units is None:
        return part.along(factor).expand(1, *part.shape[1:]).reshape(1, *shape[1:])
    return factor.flatten()[units.to(factor.device)].view(-1, *[1] * (len(shape) - 1))


def _units_of_rows(part: Part, rows: int) -> Tensor | None:
    """Unit of every row of a parameter; None where units lie along another dimension."""
    if part.shape == tuple(part.parameter.shape):
        return torch.arange(rows) if part.axis == 0 else None
    # FSDP2 shards rows of the parameter, but units may be counted in another view of it: the heads
    # of (blocks, heads, size, in) lie across the rows of (blocks * heads * size, in). The leading
    # axes of the view that make up the rows say which unit each row belongs to.
    leading, product = 0, 1
    while product < rows:
        product *= part.shape[leading]
        leading += 1
    if part.axis >= leading:
        return None
    ids = torch.arange(part.shape[part.axis])
    ids = ids.view([-1 if axis == part.axis else 1 for axis in range(leading)])
    return ids.expand(part.shape[:leading]).reshape(-1)


def _is_distributed(tensor: Any) -> bool:
    return hasattr(tensor, "placements")
