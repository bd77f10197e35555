"""Whole updates of ARL against loops over single numbers."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from contract.training import start
from reference import field as reference


@pytest.mark.parametrize("kinds", [("linear", "convolutional"), ("linear", "gru", "convolutional")])
def test_an_update_equals_the_slow_loops(kinds):
    training = start("arl", kinds=kinds, settings={"gamma": 2.5, "temperature": 4.0})
    net, balancer = training.model, training.balancer
    inputs, labels = training.data.take(torch.arange(16))

    features = {m: encoder(inputs[m]) for m, encoder in net.encoders.items()}
    loss = cross_entropy(net.head(torch.cat(list(features.values()), 1)), labels)
    for z, block in zip(features.values(), net.head.weight.split(6, 1), strict=True):
        loss = loss + 2.5 * cross_entropy(z @ block.T + net.head.bias / len(features), labels)
    loss.backward()
    plain = {n: p.grad.clone() for n, p in net.named_parameters()}
    rows = {m: z.tolist() for m, z in features.items()}
    logits = reference.own_logits(rows, net.head.weight.tolist(), net.head.bias.tolist())
    weights = reference.asymmetry(logits, 4.0, 0.6 / len(kinds))
    net.zero_grad()

    found = balancer.loss(net(inputs), labels)
    assert found.item() == pytest.approx(loss.item())
    found.backward()
    balancer.before_step()
    for n, p in net.named_parameters():
        factor = 1 + weights[n.split(".")[1]] if n.startswith("encoders") else 1
        torch.testing.assert_close(p.grad, factor * plain[n], rtol=1e-9, atol=1e-12)
