"""Whole updates of MMPareto against one backward pass for each loss."""

from itertools import chain

import pytest
import torch
from torch.nn.functional import cross_entropy

from contract.training import start
from reference import mmpareto as reference


def opposed(net, inputs):
    """Let the head be sure of class 0 by the first modality, and of class 1 by the others."""
    with torch.no_grad():
        for k, (m, encoder) in enumerate(net.encoders.items()):
            z = encoder(inputs[m]).mean(0)
            logits = torch.tensor([-3.0, 3, 0]) if k else torch.tensor([9.0, -9, 0])
            net.head.weight[:, 6 * k : 6 * k + 6] = torch.outer(logits.double(), z / (z @ z))


@pytest.mark.parametrize("kinds", [("linear", "convolutional"), ("linear", "gru", "convolutional")])
@pytest.mark.parametrize("conflict", [False, True])
@pytest.mark.parametrize("parts", [1, 2])
def test_an_update_equals_the_slow_loops(kinds, conflict, parts):
    training = start("mmpareto", kinds=kinds, settings={})
    net, balancer = training.model, training.balancer
    inputs, labels = training.data.take(torch.arange(6))
    if conflict:  # the same sample under two labels, which both losses get wrong in turn
        inputs = {m: x[[0, 0, 0, 0]] + 0.3 * x[:4] for m, x in inputs.items()}
        labels = torch.tensor([0, 1, 1, 1])
        opposed(net, inputs)

    features = {m: encoder(inputs[m]) for m, encoder in net.encoders.items()}
    fused = cross_entropy(net.head(torch.cat(list(features.values()), 1)), labels)
    expected, conflicts = {}, 0
    for (m, z), block in zip(features.items(), net.head.weight.split(6, 1), strict=True):
        own = cross_entropy(z @ block.T + net.head.bias / len(features), labels)
        names, values = zip(*net.encoders[m].named_parameters(), strict=True)
        g = [x.flatten().tolist() for x in torch.autograd.grad(fused, values, retain_graph=True)]
        u = [x.flatten().tolist() for x in torch.autograd.grad(own, values, retain_graph=True)]
        conflicts += reference.weight([*chain(*g)], [*chain(*u)]) != 0.5
        for name, grad in zip(names, reference.gradients(g, u, 1.5), strict=True):
            expected[f"encoders.{m}.{name}"] = grad

    for rows in torch.arange(len(labels)).chunk(parts):
        loss = balancer.loss(net({m: x[rows] for m, x in inputs.items()}), labels[rows])
        (loss / parts).backward()
    balancer.before_step()
    assert bool(conflicts) == conflict
    for name, grad in expected.items():
        found = net.get_parameter(name).grad.flatten().tolist()
        assert found == pytest.approx(grad, rel=1e-9, abs=1e-12), name
