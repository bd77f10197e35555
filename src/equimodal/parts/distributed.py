"""The only file that knows about ranks."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


def is_distributed() -> bool:
    """Whether several ranks train together."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process's rank; 0 in a single process."""
    return dist.get_rank() if is_distributed() else 0


def world_size() -> int:
    """Number of ranks; 1 in a single process."""
    return dist.get_world_size() if is_distributed() else 1


def own_shard(items: Tensor) -> Tensor:
    """Every R-th of some items, of R ranks this one's; all have as many, and what does not divide
    is left out. (N,) -> (N // R,)"""
    ranks = world_size()
    return items[rank() : len(items) - len(items) % ranks : ranks]


def sum_over_ranks(values: Tensor) -> Tensor:
    """Sum of ``values`` over all ranks; ``values`` itself in a single process. (...) -> (...)"""
    if world_size() == 1:
        return values
    total = values.detach().clone()
    dist.all_reduce(total)
    return total


def mean_over_ranks(values: Tensor) -> Tensor:
    """Mean of ``values`` over all ranks; ``values`` itself in a single process. (...) -> (...)"""
    ranks = world_size()
    return values if ranks == 1 else sum_over_ranks(values) / ranks


def broadcast_from_first(values: Tensor, device: torch.device) -> Tensor:
    """The first rank's ``values`` on every rank; they travel over ``device``. (...) -> (...)"""
    if world_size() == 1:
        return values
    shared = values.to(device)
    dist.broadcast(shared, src=0)
    return shared.to(values.device)


def rows_of_all_ranks(places: Sequence[int], parts: Sequence[Tensor], count: int) -> Tensor:
    """Rows that the ranks have parts of, in the order of the parts. (n, K) each -> (N, K)

    Args:
        places: of this rank's parts.
        parts: one at least; any beyond the places is another rank's too.
        count: parts of all ranks together, each of which one rank has.
    """
    if world_size() == 1:
        return torch.cat(list(parts))
    sizes = parts[0].new_zeros(count)
    for place, part in zip(places, parts, strict=False):
        sizes[place] = len(part)
    ends = sum_over_ranks(sizes).long().cumsum(0).tolist()
    every = parts[0].new_zeros(ends[-1], parts[0].shape[1])
    for place, part in zip(places, parts, strict=False):
        every[ends[place] - len(part) : ends[place]] = part
    return sum_over_ranks(every)
