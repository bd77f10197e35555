"""Two processes that train methods together, by Lightning and by Fabric, over loopback."""

from lightning.fabric import Fabric
from torch.utils.data import DataLoader, Subset

from contract.pair import joined, leave
from equimodal import methods
from loops.lightning_loop import fit
from loops.plain import BATCH, EPOCHS, data, start, weights

UNEVEN = 28  # samples: batches of 8 and 6 rows on each of two ranks


def train_all(rank, folder, names):
    """Train methods as one of two ranks; leave the weights in ``folder``."""
    with joined(rank, folder):
        results = {n: {"lightning": by_lightning(n), "fabric": by_fabric(n)} for n in names}
    leave(results, rank, folder)


def strategy(name):
    """DDP, which is told where some encoders have no gradient."""
    turns = methods.create(name).has_stage("turn")
    return "ddp_find_unused_parameters_true" if turns else "ddp"


def by_lightning(name):
    """Weights by the planned batches, which are of one size on both ranks."""
    made = fit(
        name, given=lambda b: b.loader(data(UNEVEN), batch_size=BATCH // 2),
        strategy=strategy(name), devices=2, start_with={"samples": UNEVEN},
    )  # fmt: skip
    return weights(made.model)


def by_fabric(name):
    """Weights by paired batches whose last one has 7 rows on one rank and 5 on the other."""
    fabric = Fabric(accelerator="cpu", strategy=strategy(name), devices=2)
    fabric.launch()
    made = start(name, epochs=EPOCHS, samples=UNEVEN)
    model, optimizer = fabric.setup(made.model, made.optimizer)
    rows = range(15) if fabric.global_rank == 0 else range(15, UNEVEN)
    batches = DataLoader(Subset(data(UNEVEN), rows), batch_size=BATCH // 2)
    if made.balancer.setting.method.own_batches:
        batches = made.balancer.loader(data(UNEVEN), batch_size=BATCH // 2)
    for _ in range(EPOCHS):
        for inputs, target, *_ in made.balancer.repeat(batches):
            fabric.backward(made.balancer.loss(model(inputs), target))
            made.balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
        made.balancer.epoch_end()
    return weights(made.model)
