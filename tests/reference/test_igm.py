"""IGM equals a loop of stages with NumPy's eigenvalues."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import IGM, Balancer
from unit.methods.turns import Sharing, batches, encoders_of, taught

SIZES = {"a": 3, "b": 5, "c": 2}
NAMES = [*SIZES]
RATE, MOMENTUM = 0.05, 0.9


def matrix(rows, tau):
    """The modification, from outer products row by row."""
    moments = sum(np.outer(r, r) for r in rows)
    values, vectors = np.linalg.eig(moments)
    low, high = values.min(), values.max()
    return sum(np.exp(-tau * (value - low) / (high - low)) * np.outer(v, v)
               for value, v in zip(values, vectors.T, strict=True))  # fmt: skip


def reference(net, heads, *, epochs, stage_epochs, tau):
    """Parameters after so many epochs."""
    weights = [*net.encoders.parameters(), *heads.parameters()]
    speeds, changed = {}, None
    for epoch in range(epochs):
        stage, place = divmod(epoch, stage_epochs)
        m, before = NAMES[stage % 3], NAMES[(stage - 1) % 3]
        if place == 0 and stage:
            speeds = {}
            rows = [r for x, _ in batches(net)
                    for r in net.encoders[before](x[before]).detach().numpy()]  # fmt: skip
            changed = matrix(rows, tau)
        for inputs, labels in batches(net):
            for p in weights:
                p.grad = None
            cross_entropy(heads[m](net.encoders[m](inputs[m])), labels).backward()
            if changed is not None:
                grad = heads[m].weight.grad
                grad.copy_(torch.from_numpy(grad.numpy() @ changed))
            with torch.no_grad():
                for i, p in enumerate(weights):
                    if p.grad is not None:
                        speeds[i] = MOMENTUM * speeds[i] + p.grad if i in speeds else p.grad.clone()
                        p -= RATE * speeds[i]
    return weights


@pytest.mark.parametrize("tau", [0.4, 2.0])
def test_it_equals_the_loop_of_stages(tau):
    net = Sharing(SIZES, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    balancer = Balancer(net, IGM(tau, stage_epochs=2), encoders_of(net), optimizers=[optimizer],
                        loaders={"train": batches(net)})  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    own = balancer.setting.networks.own
    heads = torch.nn.ModuleDict({m: torch.nn.Linear(4, 3).double() for m in SIZES})
    heads.load_state_dict(own.heads.state_dict())
    taught(net, balancer, epochs=8, optimizer=optimizer)
    expected = reference(Sharing(SIZES, 4), heads, epochs=8, stage_epochs=2, tau=tau)
    for one, two in zip([*net.encoders.parameters(), *own.heads.parameters()], expected,
                        strict=True):  # fmt: skip
        # The features of a split are kept in float32.
        torch.testing.assert_close(one, two, rtol=0, atol=1e-7)
