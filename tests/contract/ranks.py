"""Two processes that train every method together, over the loopback interface."""

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from contract import uneven_ranks
from contract.pair import joined, leave
from contract.training import trained
from equimodal import methods

# Each kind of stage once.
STAGES = ("joint+unimodal", "amss+", "dus", "relearn")
SHARDED = {"kinds": ("convolutional", "gru"), "epochs": 2}
# Every kind of unit: rows, filters, gates, heads of packed and of separate projections.
BY_ENCODER = {"kinds": ("self-attention", "convolutional", "lstm", "multihead"), "epochs": 2}


def train_all(rank, folder):
    """Train every method as one of two ranks of 8 rows; leave the results in ``folder``."""
    with joined(rank, folder):
        results = {
            # The second rank holds other validation data: the first one's diagnosis must count.
            "ddp": every_method(batch_size=8, wrap=DistributedDataParallel, held_out=1 + rank),
            "sharded": {n: result(n, batch_size=8, shard=shard, **SHARDED) for n in STAGES},
            "sharded by encoder": every_method(batch_size=8, shard=shard_encoders, **BY_ENCODER),
            "uneven": uneven_ranks.every_method(rank),
        }
    leave(results, rank, folder)


def shard(net):
    """FSDP2 with one group of parameters."""
    fully_shard(net, mesh=init_device_mesh("cpu", (2,)))


def shard_encoders(net):
    """FSDP2 with a group for every encoder, and one for the rest."""
    mesh = init_device_mesh("cpu", (2,))
    for encoder in net.encoders.values():
        fully_shard(encoder, mesh=mesh)
    fully_shard(net, mesh=mesh)


def every_method(**options):
    """Results by method."""
    return {n: result(n, **options) for n in methods.names()}


def result(name, **options):
    """Weights, records and number of updates of a training."""
    training = trained(name, **options)
    return {
        "weights": training.weights,
        "records": training.balancer.decisions.drain(),
        "updates": training.balancer.step_index,
    }
