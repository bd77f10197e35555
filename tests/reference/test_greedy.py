"""Greedy equals a loop with plain numbers for speeds and running means."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import Balancer, BranchHead, BranchSplit, ConditionalSpeed
from unit.methods.test_greedy import batch, branched

RATE, STEPS = 0.1, 14


def speed(parameters):
    """Squared gradients over squared weights, number by number."""
    grads = sum(float(g) ** 2 for p in parameters for g in p.grad.flatten())
    return grads / sum(float(w.detach()) ** 2 for p in parameters for w in p.flatten())


def gated(exchange, maps, means, passes, cut):
    """Row by row; ``means`` takes the pass in."""
    rows = [
        torch.cat(each) for each in zip(*maps, strict=True)
    ]  # fmt: skip
    hidden = [(exchange.squeeze.weight @ r + exchange.squeeze.bias).clamp(min=0) for r in rows]
    found = []
    for k, layer in enumerate(exchange.excite):
        gates = [1 / (1 + (-(layer.weight @ h + layer.bias)).exp()) for h in hidden]
        for c in range(len(means[k])):
            now = sum(float(g[c].detach()) for g in gates) / len(gates)
            means[k][c] = (now + means[k][c] * passes) / (passes + 1)
        used = [torch.tensor(means[k], dtype=g.dtype) if k == cut else g for g in gates]
        found.append([x * g for x, g in zip(maps[k], used, strict=True)])
    return found


def reference(net, *, eps, updates):
    """Parameters and who was cut off, after so many updates."""
    head, means, sums = net.head, [[0.0] * 4, [0.0] * 4], [[0.0, 0.0], [0.0, 0.0]]
    cut, left, seen = None, 0, []
    for number in range(STEPS):
        (a, b), labels = batch(number)
        maps = [[net.a(x) for x in a.double()], [net.b(x) for x in b.double()]]
        loss = 0.0
        for k, rows in enumerate(gated(head.exchange, maps, means, number, cut)):
            layer = head.classifiers[k]
            for x, y in zip(rows, labels, strict=True):
                loss = loss + cross_entropy(layer.weight @ x + layer.bias, y) / len(labels)
        net.zero_grad()
        loss.backward()
        if left:
            left -= 1
            cut = cut if left else None
        else:
            for k, encoder in enumerate((net.a, net.b)):
                exchange = (head.exchange.squeeze, head.exchange.excite[k])
                branch = (encoder, head.classifiers[k])
                for place, layers in enumerate((exchange, branch)):
                    sums[place][k] += speed([p for x in layers for p in x.parameters()])
            found = [math.log10(e / o) for e, o in zip(*sums, strict=True)]
            if max(found) - min(found) > eps:
                left, cut = updates, found.index(max(found))
        seen.append(cut)
        with torch.no_grad():
            for p in net.parameters():
                p -= 0 if p.grad is None else RATE * p.grad
    return dict(net.named_parameters()), means, seen


@pytest.mark.parametrize(("eps", "updates"), [(0.0, 3), (0.12, 1)])
def test_it_equals_the_loop_over_rows(eps, updates):
    net = branched().double()
    assert isinstance(net.head, BranchHead)
    method = ConditionalSpeed(eps, updates=updates, starts=0)
    balancer = Balancer(net, method, {"a": "a", "b": "b"}, BranchSplit("head"))
    optimizer, seen = torch.optim.SGD(net.parameters(), lr=RATE), []
    for number in range(STEPS):
        (a, b), labels = batch(number)
        balancer.loss(net(a.double(), b.double()), labels).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        cut = net.head.exchange.cut
        seen.append(int(cut.long().argmax()) if cut.any() else None)
    torch.manual_seed(0)
    expected, means, others = reference(branched().double(), eps=eps, updates=updates)
    assert seen == others and len(set(seen)) > 1
    near = {"rtol": 0, "atol": 1e-6}  # norms are of single precision
    torch.testing.assert_close(
        net.head.exchange.means, torch.tensor(means[0] + means[1], dtype=torch.float64), **near
    )
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter, expected[name], **near)
