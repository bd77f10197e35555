"""LFM equals a loop over samples, pairs and classes."""

import math

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import LFM, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def softmax(z):
    total = sum(math.exp(x) for x in z)
    return [math.exp(x) / total for x in z]


def matching(one, other):
    """Mean over samples of half the sum of KL(mean || p) and KL(mean || q)."""
    total = 0.0
    for z, u in zip(one, other, strict=True):
        for p, q in zip(softmax(z), softmax(u), strict=True):
            middle = (p + q) / 2
            total += middle * (math.log(middle / p) + math.log(middle / q)) / 2
    return total / len(one)


@pytest.mark.parametrize("classify", ["fused", "mean"])
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_loss_equals_the_loop(classify, epoch):
    model = fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, LFM(classify=classify, scale=2.0), ENCODERS, LinearSplit("fc"))
    balancer.epoch_index = epoch
    loss = float(balancer.loss(model(audio, video), labels).detach())
    with torch.no_grad():
        weight, bias = model.fc.weight, model.fc.bias / 2
        own = [net(x) @ weight[:, k : k + 6].T + bias for net, x, k in
               ((model.audio_net, audio, 0), (model.video_net, video, 6))]  # fmt: skip
        total = own[0] + own[1]
        classes = float(functional.cross_entropy(total / (2 if classify == "mean" else 1), labels))
    share = 1 - math.exp(-1 / (epoch + 1))
    wanted = 2 * ((1 - share) * classes + share * matching(own[0].tolist(), own[1].tolist()))
    assert loss == pytest.approx(wanted, abs=1e-12)
