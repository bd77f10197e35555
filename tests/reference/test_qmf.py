"""QMF equals a loop over rows, with plain numbers for what no gradient passes."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import QMF, Balancer
from unit.methods.test_qmf import rows_of
from unit.methods.turns import Sharing, batches, encoders_of, followed

SIZES = {"a": 3, "b": 5, "c": 2}
RATE = 0.05


def reference(net, heads, order, rows, *, beta, strict):
    """Parameters after the batches of an order, row by row."""
    history = {m: [0.0] * len(rows) for m in SIZES}
    weights = [*net.encoders.parameters(), *heads.parameters()]
    for items in order:
        for p in weights:
            p.grad = None
        fused, loss = [0.0] * len(items), 0.0
        for m in SIZES:
            own = [heads[m](net.encoders[m](rows.inputs[m][i])) for i in items]
            sure = [z.exp().sum().log() / 10 for z in own]
            for place, i in enumerate(items):
                ce = cross_entropy(own[place], rows.labels[i])
                history[m][i] += float(ce.detach())
                loss = loss + ce / len(items)
                fused[place] = fused[place] + float(sure[place].detach()) * own[place]
            low, high = min(history[m]), max(history[m])
            hard = [(history[m][i] - low) / (high - low) for i in items]
            for place in range(len(items)):
                after = (place + 1) % len(items)
                gap = hard[place] - hard[after]
                if gap:
                    ahead = math.copysign(1, gap) * (sure[place] - sure[after])
                    wrong = ahead + (abs(gap) if strict else -abs(gap))
                    loss = loss + beta * max(wrong, 0 * wrong) / len(items)
        for place, i in enumerate(items):
            loss = loss + cross_entropy(fused[place], rows.labels[i]) / len(items)
        loss.backward()
        with torch.no_grad():
            for p in weights:
                p -= RATE * p.grad
    return weights


@pytest.mark.parametrize("strict", [False, True])
def test_it_equals_the_loop_over_rows(strict):
    net = Sharing(SIZES, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    method = QMF(3.0, margin="strict" if strict else "tolerance")
    balancer = Balancer(net, method, encoders_of(net), optimizers=[optimizer],
                        example=batches(net)[0])  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    heads = torch.nn.ModuleDict({m: torch.nn.Linear(4, 3).double() for m in SIZES})
    heads.load_state_dict(balancer.setting.networks.own.heads.state_dict())
    rows, order = rows_of(net), []

    class Seen(type(rows)):
        def take(self, indices):
            order.append(indices.tolist())
            return super().take(indices)

    followed(net, balancer, Seen(rows.inputs, rows.labels), epochs=2, optimizer=optimizer)
    expected = reference(Sharing(SIZES, 4), heads, order, rows, beta=3.0, strict=strict)
    found = [*net.encoders.parameters(), *balancer.setting.networks.own.heads.parameters()]
    assert len(order) == 8
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)
