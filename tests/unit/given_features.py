"""A model whose features and head are written by hand, for closed forms."""

import torch
from torch import nn

from equimodal import Balancer, LinearSplit


class Given(nn.Module):
    """Encoders that start as identities, and a linear head over their concatenation."""

    def __init__(self, weights, bias):
        super().__init__()
        weights = {m: torch.tensor(w, dtype=torch.float64) for m, w in weights.items()}
        self.nets = nn.ModuleDict()
        for m, w in weights.items():
            self.nets[m] = nn.Linear(w.shape[1], w.shape[1], bias=False).double()
            nn.init.eye_(self.nets[m].weight)
        whole = torch.cat(list(weights.values()), 1)
        self.head = nn.Linear(whole.shape[1], len(whole)).double()
        with torch.no_grad():
            self.head.weight.copy_(whole)
            self.head.bias.copy_(torch.tensor(bias, dtype=torch.float64))

    def forward(self, *inputs):
        made = [net(x) for net, x in zip(self.nets.values(), inputs, strict=True)]
        return self.head(torch.cat(made, 1))


def bound(method, weights, bias, *, readout=None, train=None, **options):
    """The model and its balancer; ``train`` is the batches of the training loader."""
    model = Given(weights, bias)
    balancer = Balancer(
        model, method, {m: f"nets.{m}" for m in weights}, readout or LinearSplit("head"),
        loaders={} if train is None else {"train": train, "val": train},
        forward=lambda model, batch: (model(*batch[:-1]), batch[-1]), **options,
    )  # fmt: skip
    return model, balancer


def feature_gradients(model):
    """Gradients of every modality's features, once there are any. -> {m: (N, D)}"""
    found = {}

    def watch(m, net):
        def saw(_, __, features):
            if features.requires_grad and not features.is_leaf:  # not where the head runs again
                features.register_hook(lambda g: found.update({m: g}))

        net.register_forward_hook(saw)

    for m, net in model.nets.items():
        watch(m, net)
    return found


def rows(*values):
    """Features as float64."""
    return [torch.tensor(v, dtype=torch.float64) for v in values]


def near(found, expected, atol=2e-6):
    """Equal to a number that was written down with six digits."""
    found = torch.as_tensor(found, dtype=torch.float64).detach()
    expected = torch.as_tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)
