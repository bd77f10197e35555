"""Two processes that train every method together, by Lightning and by Fabric, over loopback."""

import os
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from lightning.fabric import Fabric
from torch.utils.data import DataLoader, Subset

from equimodal import methods
from loops.lightning_loop import fit
from loops.plain import BATCH, EPOCHS, data, start, weights

UNEVEN = 28  # samples: batches of 8 and 6 rows on each of two ranks


def train_all(rank, folder):
    """Train every method as one of two ranks; leave the weights in ``folder``."""
    # What torchrun sets; Lightning and Fabric then start no process of their own.
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0", "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    try:
        results = {
            n: {"lightning": by_lightning(n), "fabric": by_fabric(n)} for n in methods.names()
        }
    finally:
        dist.destroy_process_group()
    torch.save(results, Path(folder) / f"rank-{rank}.pt")


def by_lightning(name):
    """Weights by the planned batches, which are of one size on both ranks."""
    made = fit(
        name, given=lambda b: b.loader(data(UNEVEN), batch_size=BATCH // 2),
        strategy="ddp", devices=2,
    )  # fmt: skip
    return weights(made.model)


def by_fabric(name):
    """Weights by paired batches whose last one has 7 rows on one rank and 5 on the other."""
    fabric = Fabric(accelerator="cpu", strategy="ddp", devices=2)
    fabric.launch()
    made = start(name, epochs=EPOCHS)
    model, optimizer = fabric.setup(made.model, made.optimizer)
    rows = range(15) if fabric.global_rank == 0 else range(15, UNEVEN)
    batches = DataLoader(Subset(data(UNEVEN), rows), batch_size=BATCH // 2)
    for _ in range(EPOCHS):
        for inputs, target, _ in batches:
            fabric.backward(made.balancer.loss(model(inputs), target))
            made.balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
        made.balancer.epoch_end()
    return weights(made.model)
