"""The plain PyTorch loop, which every other loop must equal, and what both of them train on.

A test of another loop takes the same parts and the same batches, trains them its own way, and
compares the weights::

    made = start(name)                      # model, optimizers, balancer; nothing trained yet
    for batch in loader(): ...              # the other loop, over EPOCHS epochs
    assert gap(weights(made.model), plain(name)) == 0

float32, CPU, no dropout, no batch statistics, batches in a fixed order.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from contract import models
from contract.heads import own_head
from contract.training import hold_all, learned, taught_by
from equimodal import Balancer, methods
from equimodal.data import MultimodalDataset

KINDS = ("linear", "convolutional")
EPOCHS, BATCH, SAMPLES = 4, 16, 32
STEPS = SAMPLES // BATCH
UNEVEN = 40  # samples of three batches, the last of them half as large


@dataclass
class Start:
    """What a loop trains: nothing has been trained yet."""

    model: nn.Module
    optimizers: tuple[Optimizer, ...]
    balancer: Balancer

    @property
    def optimizer(self):
        """The only optimizer."""
        (optimizer,) = self.optimizers
        return optimizer


def sgd(model):
    """One optimizer for all: what a loop takes by default."""
    return (torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3),)


def adam(model):
    """Adam, for on="update"."""
    return (torch.optim.AdamW(model.parameters(), lr=0.01),)


def sgd_each(model):
    """An optimizer for every encoder and one for the head."""
    groups = (*model.encoders.values(), model.head)
    return tuple(torch.optim.SGD(g.parameters(), lr=0.1, momentum=0.9) for g in groups)


def halved(optimizer):
    """A schedule that halves the rate after every second epoch."""
    return torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)


def data(samples=SAMPLES, *, seed=0):
    """Samples in float32: items ``({m: x}, label, index)``."""
    double = models.dataset(KINDS, samples, seed=seed)
    return MultimodalDataset({m: x.float() for m, x in double.inputs.items()}, double.labels)


def loader(batch_size=BATCH, samples=SAMPLES):
    """Paired batches ``[{m: x}, labels, indices]``, the same in every epoch."""
    return DataLoader(data(samples), batch_size=batch_size)


def batches_of(balancer, batch_size=BATCH, samples=SAMPLES):
    """The paired batches of a loop; those of the balancer where its method lists their rows."""
    if balancer.setting.method.own_batches:
        return balancer.loader(data(samples), batch_size=batch_size)
    return loader(batch_size, samples)


def network(*, seed=0):
    """Two encoders and a linear head in float32: ``model({m: x})`` gives ``.logits``."""
    return models.model(KINDS, seed=seed).float()


def start(
    name, *, model=None, optimizer=sgd, epochs=EPOCHS, attached=True, samples=SAMPLES, **options
):
    """A model, its optimizers and the balancer of the method ``name``.

    Args:
        name: a name in ``methods.names()``.
        model: trained instead of a fresh :func:`network`.
        optimizer: model -> optimizers.
        epochs: planned epochs; None where the loop's adapter has to find them.
        attached: whether the balancer knows the optimizers from the start.
        samples: rows of an epoch.
        options: passed to the balancer.
    """
    net = network() if model is None else model
    readout = own_head(name, net, "head")
    optimizers = optimizer(net)
    balancer = Balancer(
        net,
        methods.create(name, **methods.entry(name).quick),
        {m: f"encoders.{m}" for m in "ab"},
        readout,
        loaders={"train": loader(SAMPLES, samples), "val": [validation()]},
        optimizers=optimizers if attached else (),
        epochs=epochs,
        **taught_by(name, network(), {m: f"encoders.{m}" for m in "ab"}),
        **options,
    )
    hold_all(optimizers[0], balancer)
    return Start(net, optimizers, balancer)


def validation():
    """Held-out data as one batch."""
    held_out = data(30, seed=1)
    return held_out.inputs, held_out.labels


def weights(model):
    """Name -> copy of every parameter."""
    return {n: p.detach().clone() for n, p in model.named_parameters()}


@cache
def plain(
    name, *, epochs=EPOCHS, planned=EPOCHS, batch_size=BATCH, samples=SAMPLES, parts=1,
    optimizer=sgd, schedule=None, clip=None, unpaired=False, on=None, dtype=None,
    scaled=False, **options,
):  # fmt: skip
    """Weights after training with the plain loop.

    Args:
        name: a name in ``methods.names()``.
        epochs: epochs to train.
        planned: epochs that the balancer is told of.
        batch_size: rows of a micro-batch.
        samples: rows of an epoch.
        parts: micro-batches of an update.
        optimizer: model -> optimizers; all of them step.
        schedule: optimizer -> learning-rate schedule, stepped once an epoch.
        clip: largest norm of all gradients together, after ``before_step()``.
        unpaired: iterate over ``balancer.loader(...)``.
        on: as of the balancer.
        dtype: autocast to it.
        scaled: with a GradScaler of 2 ** 10.
        options: passed to the balancer.
    """
    made = start(name, optimizer=optimizer, epochs=planned, on=on, samples=samples, **options)
    given = made.balancer.repeat(batches_of(made.balancer, batch_size, samples), parts)
    if unpaired:
        given = made.balancer.loader(data(samples), batch_size=batch_size, accumulation=parts)
    schedules = [schedule(o) for o in made.optimizers] if schedule else []
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, enabled=scaled)
    for _ in range(epochs):
        for number, (inputs, target, *_) in enumerate(given, start=1):
            with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
                loss = made.balancer.loss(made.model(inputs), target) / parts
            scaler.scale(loss).backward()
            if number % parts == 0 or number == len(given):
                _update(made, scaler, clip)
        made.balancer.epoch_end()
        for each in schedules:
            each.step()
    return weights(made.model)


def _update(made: Start, scaler: torch.amp.GradScaler, clip: float | None) -> None:
    for optimizer in made.optimizers:
        scaler.unscale_(optimizer)
    made.balancer.before_step()
    if clip is not None:
        nn.utils.clip_grad_norm_(learned(made.model, made.balancer), clip)
    for optimizer in made.optimizers:
        scaler.step(optimizer)
        optimizer.zero_grad()
    scaler.update()


def gap(one, other):
    """Largest difference over all weights: 0.0 only where every bit is equal."""
    assert one.keys() == other.keys()
    return max((_gap(one[n], other[n]) for n in one), default=0.0)


def _gap(one: Tensor, other: Tensor) -> float:
    if torch.equal(one, other):
        return 0.0
    return float((one - other).abs().nan_to_num(nan=torch.inf).max()) or torch.inf
