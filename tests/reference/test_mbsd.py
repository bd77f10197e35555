"""MBSD equals a loop over samples."""

import math

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import MBSD, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def softmax(z):
    total = sum(math.exp(x) for x in z)
    return [math.exp(x) / total for x in z]


def distilled(one, other, labels):
    """Mean weighted divergence and squared distance."""
    divergence, distance = 0.0, 0.0
    for z, u, y in zip(one, other, labels, strict=True):
        p, q = softmax(z), softmax(u)
        right = z.index(max(z)) == y or u.index(max(u)) == y
        weight = abs(p[y] - q[y]) if right else 0.0
        strong, weak = (p, q) if p[y] >= q[y] else (q, p)
        divergence += weight * sum(s * math.log(s / w) for s, w in zip(strong, weak, strict=True))
        distance += weight * sum((s - w) ** 2 for s, w in zip(strong, weak, strict=True)) / len(p)
    return divergence / len(labels), distance / len(labels)


@pytest.mark.parametrize(("lam_kl", "lam_rs"), [(1.0, 1.0), (3.0, 0.5)])
def test_a_loss_equals_the_loop(lam_kl, lam_rs):
    model = fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, MBSD(lam_kl, lam_rs), ENCODERS, LinearSplit("fc"))
    loss = float(balancer.loss(model(audio, video), labels).detach())
    with torch.no_grad():
        weight, bias = model.fc.weight, model.fc.bias / 2
        own = [net(x) @ weight[:, k : k + 6].T + bias for net, x, k in
               ((model.audio_net, audio, 0), (model.video_net, video, 6))]  # fmt: skip
        plain = sum(float(functional.cross_entropy(z, labels)) for z in (*own, own[0] + own[1]))
    kl, rs = distilled(own[0].tolist(), own[1].tolist(), labels.tolist())
    assert loss == pytest.approx(plain + lam_kl * kl + lam_rs * rs, abs=1e-12)
    assert kl > 1e-4
