"""Two ranks with different numbers of rows in a step."""

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from contract.training import start

# Rows of each rank in three steps; the last is uneven.
STEPS = (((0, 8), (8, 16)), ((16, 24), (24, 32)), ((32, 40), (40, 43)))
METHODS = ("joint", "amss", "amss+", "dus")


def every_method(rank=None):
    """Weights and records by method: of one rank's rows, or in one process of all rows."""
    return {name: result(name, rank) for name in METHODS}


def result(name, rank):
    """A rank scales its loss by its rows, so that the average over ranks is that over all rows."""
    training = start(name, wrap=None if rank is None else DistributedDataParallel)
    for parts in STEPS:
        low, high = (parts[0][0], parts[1][1]) if rank is None else parts[rank]
        inputs, target = training.data.take(torch.arange(low, high))
        loss = training.balancer.loss(training.wrapped(inputs), target)
        if rank is not None:
            rows = torch.tensor(float(high - low))
            dist.all_reduce(rows)
            loss = loss * (high - low) * dist.get_world_size() / rows
        loss.backward()
        training.balancer.before_step()
        training.optimizer.step()
        training.optimizer.zero_grad()
    training.balancer.epoch_end()
    return {"weights": training.weights, "records": training.balancer.decisions.drain()}
