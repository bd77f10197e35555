"""MLA equals a loop with one forward pass a batch and plain matrices."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import MLA, Balancer, SharedHead
from unit.methods.turns import Sharing, batches, encoders_of, taught

SIZES = {"a": 3, "b": 5, "c": 2}
RATE = 0.05


def reference(net, *, epochs, projection, scale):
    """Parameters after MLA, by hand: features first, then one update a modality."""
    width = net.head.in_features
    matrix, updates, length = np.eye(width), 0, None
    for _ in range(epochs):
        for number, (inputs, labels) in enumerate(given := batches(net)):
            features = {m: net.encoders[m](inputs[m]) for m in SIZES}
            for m in SIZES:
                net.zero_grad()
                logits = features[m] @ net.head.weight.T + net.head.bias
                cross_entropy(logits, labels).backward()
                mean = features[m].detach().numpy().mean(0)
                alpha = 0.1 if length is None else 0.1 * 0.1 ** (number / length)
                spared = matrix @ mean
                later = matrix - np.outer(spared, spared) / (alpha + mean @ spared)
                if scale != "none":
                    later = later / np.sqrt((later**2).sum())
                    later = later * (np.sqrt(width) if scale == "rms" else 1)
                used = {"none": np.eye(width), "previous": matrix, "current": later}[projection]
                grad = net.head.weight.grad
                grad.copy_(torch.from_numpy(grad.numpy() @ used))
                matrix, updates = later, updates + 1
                with torch.no_grad():
                    for p in net.parameters():
                        if p.grad is not None:
                            p -= RATE * p.grad
        length = len(given)
    return dict(net.named_parameters())


@pytest.mark.parametrize("projection", ["previous", "current", "none"])
@pytest.mark.parametrize("scale", ["rms", "frobenius", "none"])
def test_it_equals_the_loop_with_one_forward_pass(projection, scale):
    if projection == "none" and scale != "rms":
        pytest.skip("a scale of nothing")
    net = Sharing(SIZES, 4)
    balancer = Balancer(net, MLA(projection, scale=scale), encoders_of(net), SharedHead("head"))
    taught(net, balancer, epochs=3, optimizer=torch.optim.SGD(net.parameters(), lr=RATE))
    expected = reference(Sharing(SIZES, 4), epochs=3, projection=projection, scale=scale)
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=1e-12)
