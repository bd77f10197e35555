"""A pair of processes that train together, over the loopback interface."""

import multiprocessing
import os
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

SECONDS = 300


def both_ranks(train, folder, names):
    """Run ``train(rank, folder, names)`` in two processes; gives what each left by `leave`."""
    context = multiprocessing.get_context("spawn")
    pair = [context.Process(target=train, args=(rank, str(folder), names)) for rank in (0, 1)]
    for process in pair:
        process.start()
    deadline = time.monotonic() + SECONDS
    for process in pair:
        process.join(max(0.0, deadline - time.monotonic()))
    late = [process for process in pair if process.is_alive()]
    for process in late:
        process.kill()
        process.join()
    assert not late, f"two ranks did not finish in {SECONDS} s"
    assert [process.exitcode for process in pair] == [0, 0]
    return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1)]


@contextmanager
def joined(rank, folder):
    """Inside, this process is one of two ranks, as under torchrun; nothing starts others."""
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
        yield
    finally:
        dist.destroy_process_group()


def leave(results, rank, folder):
    """Hand a rank's results to the test."""
    torch.save(results, Path(folder) / f"rank-{rank}.pt")
