"""ReconBoost equals a loop of samples and stages."""

import math

import pytest
import torch

from equimodal import Balancer, ReconBoost, SharedHead
from unit.methods.turns import Sharing, batches, encoders_of, taught

SIZES = {"a": 3, "b": 5}
NAMES = [*SIZES]
RATE, MOMENTUM = 0.05, 0.9


def stage_loss(own, others, rate, labels, w1, w2):
    """One boosting loss, sample by sample; lists of tensors (C,) and the rate as a number."""
    total = 0
    for i, y in enumerate(labels.tolist()):
        q = 1.0
        if others:
            summed = [rate * sum(float(z[i][c].detach()) for z in others)
                      for c in range(own.shape[1])]  # fmt: skip
            q = math.exp(summed[y]) / sum(math.exp(v) for v in summed)
        total = total + (w1 - w2 * q) * (own[i].logsumexp(0) - own[i][y])
    return total / len(labels) / own.shape[1]


def reference(net, *, epochs, boost, rectify, w1, w2):
    """Parameters and boost rate after so many epochs; momentum begins anew in each phase."""
    rate = torch.ones((), dtype=torch.float64, requires_grad=True)
    weights = [*net.parameters(), rate]
    speeds, before = {}, None
    for epoch in range(epochs):
        stage, place = divmod(epoch, boost + rectify)
        phase = (stage, place < boost)
        if phase != before:
            speeds, before = {}, phase
        known = NAMES[:stage]
        for inputs, labels in batches(net):
            for p in weights:
                p.grad = None
            logits = {m: net.head(net.encoders[m](inputs[m])) for m in NAMES}
            if phase[1]:
                k = NAMES[stage % 2]
                others = [logits[m] for m in known if m != k]
                stage_loss(logits[k], others, float(rate.detach()), labels, w1, w2).backward()
            else:
                summed = rate * sum(logits[m] for m in NAMES[: stage + 1])
                torch.nn.functional.cross_entropy(summed, labels).backward()
            with torch.no_grad():
                for i, p in enumerate(weights):
                    if p.grad is not None:
                        speeds[i] = MOMENTUM * speeds[i] + p.grad if i in speeds else p.grad.clone()
                        p -= RATE * speeds[i]
    return dict(net.named_parameters()), rate


@pytest.mark.parametrize(("w1", "w2"), [(5.0, 1.0), (4.0, 0.0)])
def test_it_equals_the_loop_of_stages(w1, w2):
    net = Sharing(SIZES, 4)
    method = ReconBoost(w1, w2, boost_epochs=2, rectify_epochs=1)
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    balancer = Balancer(net, method, encoders_of(net), SharedHead("head"), optimizers=[optimizer],
                        example=batches(net)[0])  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    taught(net, balancer, epochs=8, optimizer=optimizer)
    expected, rate = reference(Sharing(SIZES, 4), epochs=8, boost=2, rectify=1, w1=w1, w2=w2)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-10)
    torch.testing.assert_close(next(balancer.parameters()), rate, rtol=0, atol=1e-10)
