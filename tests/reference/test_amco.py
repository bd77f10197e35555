"""AMCo's port equals a loop over rows and classes."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import AMCo, Balancer, LinearSplit
from equimodal.numerics.random import update_generator
from unit.two_encoders import Net

RATE, EPOCHS, ROWS, CLASSES = 0.2, 5, 6, 4


def batches():
    draw = torch.Generator().manual_seed(0)
    sizes = (3, 5)
    return [
        (*(torch.randn(ROWS, d, generator=draw).double() for d in sizes),
         torch.randint(0, CLASSES, (ROWS,), generator=draw))
        for _ in range(4)
    ]  # fmt: skip


def reference(net, *, port, own_masked):
    """Parameters after training, row by row; and how often somebody was masked."""
    update, masked, dependent = 0, 0, [False, False]
    for epoch in range(EPOCHS):
        dependent = [False, False] if port else dependent
        for number, (a, b, labels) in enumerate(batches()):
            progress = number * epoch / 10 if port else epoch / EPOCHS
            share = math.sin(math.pi / 2 * min(progress, 0.3) / 0.3)
            zeros = math.floor(share * CLASSES + 1e-9)
            order = torch.randperm(CLASSES, generator=update_generator(0, update, 0, 0)).tolist()
            masked += any(dependent) and zeros > 0
            loss, mass = 0.0, [0.0, 0.0]
            for i in range(ROWS):
                features = (net.a(a[i]), net.b(b[i]))
                own, hidden = [], []
                for k, f in enumerate(features):
                    w = net.head.weight[:, 4 * k : 4 * k + 4]
                    own.append([w[c] @ f + net.head.bias[c] / 2 for c in range(CLASSES)])
                    hidden.append([
                        0 * z if dependent[k] and order[c] < zeros else z
                        for c, z in enumerate(own[k])
                    ])  # fmt: skip
                fused = torch.stack([x + y for x, y in zip(*hidden, strict=True)])
                loss = loss + cross_entropy(fused, labels[i]) / ROWS
                for each in hidden if own_masked else own:
                    loss = loss + cross_entropy(torch.stack(each), labels[i]) / ROWS
                sizes = [sum(math.exp(float(z.detach())) for z in row) for row in hidden]
                mass = [m + s / sum(sizes) / ROWS for m, s in zip(mass, sizes, strict=True)]
            dependent = [m > 0.5 for m in mass]
            net.zero_grad()
            loss.backward()
            with torch.no_grad():
                for p in net.parameters():
                    p -= RATE * p.grad
            update += 1
    return dict(net.named_parameters()), masked


@pytest.mark.parametrize("port", [False, True])
@pytest.mark.parametrize("own_masked", [False, True])
def test_it_equals_the_loop_over_rows_and_classes(port, own_masked):
    net = Net(CLASSES).double()
    method = AMCo(ramp="port" if port else "training", own="masked" if own_masked else "unmasked")
    balancer = Balancer(net, method, {"a": "a", "b": "b"}, LinearSplit("head"), epochs=EPOCHS)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for a, b, labels in batches():
            balancer.loss(net(a, b), labels).backward()
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
        balancer.epoch_end()
    expected, masked = reference(Net(CLASSES).double(), port=port, own_masked=own_masked)
    assert int(method.state["masked"]) == masked > 4
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-10)
