"""Two processes that train together, by Accelerate and by the Trainer, over loopback."""

from pathlib import Path

from accelerate import Accelerator, DistributedDataParallelKwargs

from contract.pair import joined, leave
from equimodal import methods
from loops.accelerate_loop import trained
from loops.plain import BATCH

BY_TRAINER = ("joint+unimodal", "amss+", "relearn")


def train_all(rank, folder, names):
    """Train as one of two ranks; leave the weights in ``folder``."""
    with joined(rank, folder):
        results = {
            "accelerate": {n: by_accelerate(n) for n in names},
            "trainer": {n: by_trainer(n, folder) for n in BY_TRAINER},
        }
    leave(results, rank, folder)


def by_accelerate(name):
    """Weights with 8 rows of each batch of 16 on a rank."""
    unused = DistributedDataParallelKwargs(
        find_unused_parameters=methods.create(name).has_stage("turn")
    )
    accelerator = Accelerator(cpu=True, kwargs_handlers=[unused])
    assert accelerator.num_processes == 2
    return trained(name, accelerator=accelerator, batch_size=BATCH // 2)


def by_trainer(name, folder):
    """Weights with 8 rows of each batch of 16 on a rank, in two micro-batches."""
    from loops.huggingface_loop import trained as trained_by_trainer

    options = {"per_device_train_batch_size": BATCH // 4, "gradient_accumulation_steps": 2}
    return trained_by_trainer(name, Path(folder) / name, ddp_backend="gloo", **options)
