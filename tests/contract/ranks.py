"""Two processes that train every method together, over the loopback interface."""

import os
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from contract.training import trained
from equimodal import methods


def train_all(rank, folder):
    """Train every method as one of two ranks of 8 rows; leave the results in ``folder``."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    try:
        results = {
            # The second rank holds other validation data: the first one's diagnosis must count.
            n: result(n, batch_size=8, wrap=DistributedDataParallel, held_out=1 + rank)
            for n in methods.names()
        }
    finally:
        dist.destroy_process_group()
    torch.save(results, Path(folder) / f"rank-{rank}.pt")


def result(name, **options):
    """Weights, records and number of updates of a training."""
    training = trained(name, **options)
    return {
        "weights": training.weights,
        "records": training.balancer.drain_records(),
        "updates": training.balancer.step_index,
    }
