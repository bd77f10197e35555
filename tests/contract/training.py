"""One training loop for all promises: the loop that a user writes, with its options."""

from dataclasses import dataclass

import torch

from contract.heads import own_head
from contract.models import dataset, model
from equimodal import Balancer, methods

PAIR = ("linear", "convolutional")


@dataclass
class Training:
    """A model, its optimizer and balancer, and what they train on."""

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    balancer: Balancer
    data: object
    losses: list
    wrapped: torch.nn.Module

    @property
    def weights(self):
        own = self.balancer.parameters()
        beside = ((f"beside the model: {k}", p) for k, p in enumerate(own))
        named = (*self.model.named_parameters(), *beside)
        return {n: gathered(p.detach()).clone() for n, p in named}


def gathered(weight):
    """A weight from its shards, or as it is."""
    return weight.full_tensor() if hasattr(weight, "full_tensor") else weight


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-3)


def start(
    name, *, kinds=PAIR, seed=0, weights=0, epochs=4, samples=96, optimizer=sgd, on=None,
    wrap=None, shard=None, held_out=1, settings=None, **options,
):  # fmt: skip
    """A training that has not begun.

    ``weights`` seeds the model, ``held_out`` the validation set; ``wrap`` puts the model into DDP,
    ``shard`` shards its parameters in place.
    """
    net = model(kinds, seed=weights)
    readout = own_head(name, net, "head")
    if shard:
        shard(net)
    validation = dataset(kinds, 30, seed=held_out)
    data = dataset(kinds, samples)
    stepper = optimizer(net.parameters())
    chosen = quick(name) if settings is None else settings
    balancer = Balancer(
        net,
        methods.create(name, **chosen),
        {m: f"encoders.{m}" for m in data.inputs},
        readout,
        loaders={"train": [whole(data)], "val": [whole(validation)]},
        optimizers=[stepper],
        on=on,
        epochs=epochs or None,
        seed=seed,
        **taught_by(name, model(kinds), {m: f"encoders.{m}" for m in data.inputs}, settings=chosen),
        **options,
    )
    hold_all(stepper, balancer)
    return Training(net, stepper, balancer, data, [], wrap(net) if wrap else net)


def taught_by(name, fresh, encoders, *, width=6, classes=3, settings=None):
    """Teachers as options of a balancer, for a method that learns from some; else nothing.

    Args:
        fresh: a model of the same form, whose encoders teach with other weights.
        encoders: modality -> name of its module.
    """
    chosen = quick(name) if settings is None else settings
    if "teachers" not in methods.create(name, **chosen).needs:
        return {}
    draw, teachers = torch.Generator().manual_seed(11), {}
    for m, where in encoders.items():
        encoder = fresh.get_submodule(where)
        dtype = next(encoder.parameters()).dtype
        with torch.random.fork_rng():
            torch.manual_seed(11)
            head = torch.nn.Linear(width, classes).to(dtype)
        with torch.no_grad():
            for p in encoder.parameters():
                p += 0.1 * torch.randn(p.shape, generator=draw, dtype=torch.float64)
        teachers[m] = encoder, head
    return {"teachers": teachers}


def learned(model, balancer):
    """All that an optimizer is to hold."""
    return [*model.parameters(), *balancer.parameters()]


def hold_all(optimizer, balancer):
    """Let an optimizer that holds the model also hold what is trained beside it."""
    if beside := list(balancer.parameters()):
        optimizer.add_param_group({"params": beside})


def quick(name):
    """Settings with which a method, or each of several joined by ~, acts within a few steps."""
    parts = name.split(methods.COMPOSED)
    if len(parts) == 1:
        return methods.entry(name).quick
    return {f"{part}.{key}": value for part in parts for key, value in quick(part).items()}


def whole(data):
    """A data set as one batch."""
    return data.inputs, data.labels


def run(training, epochs, *, batch_size=16, parts=1, scaler=None):
    """Train for so many epochs; ``parts`` micro-batches make an update."""
    balancer, optimizer = training.balancer, training.optimizer
    for _ in range(epochs):
        batches = balancer.batches(
            training.data, batch_size=batch_size // parts, accumulation=parts
        )
        for number, (inputs, targets) in enumerate(batches, start=1):
            loss = balancer.loss(training.wrapped(inputs), targets) / parts
            training.losses.append(loss.detach().item())
            (scaler.scale(loss) if scaler else loss).backward()
            if number % parts:
                continue
            if scaler:
                scaler.unscale_(optimizer)
            balancer.before_step()
            if scaler:
                scaler.step(optimizer)
                scaler.update()
            else:
                optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()
    return training


def trained(name, *, epochs=4, batch_size=16, parts=1, scaler=None, **options):
    """A whole training of a method by its registered name."""
    training = start(name, epochs=epochs, **options)
    return run(training, epochs, batch_size=batch_size, parts=parts, scaler=scaler)


def assert_same_weights(one, other):
    """Bit for bit."""
    assert one.keys() == other.keys()
    different = [n for n in one if not torch.equal(one[n], other[n])]
    assert not different, different


def largest_difference(one, other):
    """Over all weights."""
    return max(float((one[n] - other[n]).abs().max()) for n in one)
