"""Whole updates of OGM-GE against loops over single numbers."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from contract.training import start
from equimodal.numerics.random import update_generator
from reference import ogm_ge as reference

KINDS = ("linear", "convolutional", "gru")


def gradients(training):
    return {n: p.grad.clone() for n, p in training.model.named_parameters()}


@pytest.mark.parametrize("kinds", [KINDS[:2], KINDS])
@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_an_update_equals_the_slow_loops(kinds, noise):
    training = start("ogm", kinds=kinds, settings={"alpha": 0.5, "noise": noise}, seed=3)
    net, balancer = training.model, training.balancer
    inputs, labels = training.data.take(torch.arange(16))

    features = {m: encoder(inputs[m]) for m, encoder in net.encoders.items()}
    cross_entropy(net.head(torch.cat(list(features.values()), 1)), labels).backward()
    plain = gradients(training)
    blocks = net.head.weight.split(6, 1)
    logits = {
        m: (z @ w.T + net.head.bias / len(features)).tolist()
        for (m, z), w in zip(features.items(), blocks, strict=True)
    }
    sums = reference.scores(logits, labels.tolist())
    expected = reference.coefficients(reference.ratios(sums), 0.5)
    net.zero_grad()
    balancer.loss(net(inputs), labels).backward()
    balancer.before_step()

    assert sorted(expected.values())[0] < 1
    modalities = balancer.setting.modalities
    name = {id(p): n for n, p in net.named_parameters()}
    found, seen = gradients(training), set()
    for k, m in enumerate(modalities.names):
        weights = [p.parameter for layer in modalities.units(m) for p in layer.parts]
        draws = torch.randn(
            sum(w.numel() for w in weights), generator=update_generator(3, 0, k + 1)
        )
        for weight, eps in zip(weights, draws.split([w.numel() for w in weights]), strict=True):
            g = plain[name[id(weight)]]
            size = noise * reference.spread(g.flatten().tolist())
            wanted = expected[m] * g + size * eps.view(g.shape)
            torch.testing.assert_close(found[name[id(weight)]], wanted, rtol=1e-6, atol=1e-8)
            seen.add(name[id(weight)])
    assert all(torch.equal(found[n], g) for n, g in plain.items() if n not in seen)
