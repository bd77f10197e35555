"""Two processes that train methods together, over the loopback interface."""

from functools import partial

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from contract import uneven_ranks
from contract.pair import joined, leave
from contract.training import trained
from equimodal import methods
from products import stages

SHARDED = {"kinds": ("convolutional", "gru"), "epochs": 2}
# Every kind of unit: rows, filters, gates, heads of packed and of separate projections.
BY_ENCODER = {"kinds": ("self-attention", "convolutional", "lstm", "multihead"), "epochs": 2}


def train_all(rank, folder, names):
    """Train methods as one of two ranks of 8 rows; leave the results in ``folder``."""
    with joined(rank, folder):
        results = {
            # The second rank holds other validation data: the first one's diagnosis must count.
            "ddp": {
                n: result(n, batch_size=8, wrap=partial(wrapped, n), held_out=1 + rank)
                for n in names
            },
            "sharded": each_of(sharded(stages(names)), batch_size=8, shard=shard, **SHARDED),
            "sharded by encoder": each_of(
                sharded(names), batch_size=8, shard=shard_encoders, **BY_ENCODER
            ),
            "uneven": uneven_ranks.every_method(rank),
        }
    leave(results, rank, folder)


def wrapped(name, net):
    """In DDP, which is told where some encoders have no gradient."""
    unused = methods.create(name).has_stage("turn")
    return DistributedDataParallel(net, find_unused_parameters=unused)


def sharded(names):
    """Those that can be trained in shards; the others say why not."""
    made = {n: methods.create(n) for n in names}
    return [n for n, method in made.items() if not (method.rewrites or method.single_losses)]


def shard(net):
    """FSDP2 with one group of parameters."""
    fully_shard(net, mesh=init_device_mesh("cpu", (2,)))


def shard_encoders(net):
    """FSDP2 with a group for every encoder, and one for the rest."""
    mesh = init_device_mesh("cpu", (2,))
    for encoder in net.encoders.values():
        fully_shard(encoder, mesh=mesh)
    fully_shard(net, mesh=mesh)


def each_of(names, **options):
    """Results by method."""
    return {n: result(n, **options) for n in names}


def result(name, **options):
    """Weights, records and number of updates of a training."""
    training = trained(name, **options)
    return {
        "weights": training.weights,
        "records": training.balancer.decisions.drain(),
        "updates": training.balancer.step_index,
    }
