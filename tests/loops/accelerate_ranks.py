"""Two processes that train together, by Accelerate and by the Trainer, over loopback."""

import os
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from accelerate import Accelerator

from equimodal import methods
from loops.accelerate_loop import trained
from loops.plain import BATCH

BY_TRAINER = ("joint+unimodal", "amss+", "relearn")


def train_all(rank, folder):
    """Train as one of two ranks; leave the weights in ``folder``."""
    # What torchrun sets; Accelerate then starts no process of its own.
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    try:
        results = {
            "accelerate": {n: by_accelerate(n) for n in methods.names()},
            "trainer": {n: by_trainer(n, folder) for n in BY_TRAINER},
        }
    finally:
        dist.destroy_process_group()
    torch.save(results, Path(folder) / f"rank-{rank}.pt")


def by_accelerate(name):
    """Weights with 8 rows of each batch of 16 on a rank."""
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2
    return trained(name, accelerator=accelerator, batch_size=BATCH // 2)


def by_trainer(name, folder):
    """Weights with 8 rows of each batch of 16 on a rank, in two micro-batches."""
    from loops.huggingface_loop import trained as trained_by_trainer

    options = {"per_device_train_batch_size": BATCH // 4, "gradient_accumulation_steps": 2}
    return trained_by_trainer(name, Path(folder) / name, ddp_backend="gloo", **options)
