"""The only file that knows about ranks."""

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
