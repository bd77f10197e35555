"""A small model whose modalities share one head, for tests of methods that take turns."""

import torch
from torch import nn


class Sharing(nn.Module):
    """An encoder a modality, (N, D_m) -> (N, width), and one head; the logits are the sum.

    Args:
        sizes: width of each modality's input.
        width: of the features.
        classes: C.
        linear: whether the encoders are linear.
    """

    def __init__(self, sizes, width, *, classes=3, linear=False, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.encoders = nn.ModuleDict({
                m: nn.Linear(n, width) if linear else nn.Sequential(nn.Linear(n, width), nn.Tanh())
                for m, n in sizes.items()
            })  # fmt: skip
            self.head = nn.Linear(width, classes)
        self.sizes, self.classes = dict(sizes), classes
        self.double()

    def forward(self, inputs):
        return sum(self.head(net(inputs[m])) for m, net in self.encoders.items())


def encoders_of(net):
    """What a balancer takes."""
    return {m: f"encoders.{m}" for m in net.encoders}


def batches(net, count=4, rows=6):
    """Batches that can be learned, the same at every call."""
    draw = torch.Generator().manual_seed(0)
    found = []
    for _ in range(count):
        labels = torch.randint(0, net.classes, (rows,), generator=draw)
        inputs = {
            m: torch.randn(rows, n, generator=draw).double() + labels[:, None]
            for m, n in net.sizes.items()
        }
        found.append((inputs, labels))
    return found


def sgd(net):
    """With momentum and weight decay, which would move what is not in turn."""
    return torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)


def taught(net, balancer, *, epochs=1, optimizer=None):
    """Train some epochs of `batches`; the losses."""
    return _losses(net, balancer, lambda: balancer.repeat(batches(net)), epochs, optimizer)


def followed(net, balancer, dataset, *, epochs=1, optimizer=None, batch_size=6):
    """Train some epochs on batches of the balancer; the losses."""

    def given():
        return balancer.batches(dataset, batch_size=batch_size)

    return _losses(net, balancer, given, epochs, optimizer)


def _losses(net, balancer, given, epochs, optimizer):
    """The losses of some epochs over what ``given()`` yields in each."""
    optimizer = optimizer or sgd(net)
    losses = []
    for _ in range(epochs):
        for inputs, labels in given():
            loss = balancer.loss(net(inputs), labels)
            loss.backward()
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(float(loss.detach()))
        balancer.epoch_end()
    return losses
