"""OPM equals a loop over samples and modalities."""

import math

import pytest
import torch

from contract import fusions
from equimodal import OPM, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def softmax(z):
    top = max(z)
    total = sum(math.exp(x - top) for x in z)
    return [math.exp(x - top) / total for x in z]


def product(weight, row):
    return [sum(w * x for w, x in zip(line, row, strict=True)) for line in weight]


def slow(features, weights, bias, labels, draws, base, lam):
    """Mean loss of the batch, by sample; every list is by modality."""
    count = len(features)
    scores = []
    for f, w in zip(features, weights, strict=True):
        own = [
            softmax([z + b / count for z, b in zip(product(w, row), bias, strict=True)])[y]
            for row, y in zip(f, labels, strict=True)
        ]
        scores.append(sum(own))
    rates = []
    for m, s in enumerate(scores):
        ratio = sum(s / o for k, o in enumerate(scores) if k != m) / (count - 1)
        rate = base * (1 + lam * math.tanh(ratio - 1)) if ratio > 1 else 0.0
        rates.append(min(max(rate, 0.0), 1.0))
    theta = sum(rates) / count  # equal widths
    total = 0.0
    for i, y in enumerate(labels):
        logits = list(bias)
        for m in range(count):
            if draws[i][m] >= rates[m]:
                row = [x / (1 - theta) for x in features[m][i]]
                logits = [z + x for z, x in zip(logits, product(weights[m], row), strict=True)]
        total -= math.log(softmax(logits)[y])
    return total / len(labels)


@pytest.mark.parametrize(("base", "lam"), [(0.5, 0.5), (0.8, 0.0), (0.9, 2.0)])
def test_a_loss_equals_the_loop(base, lam):
    model = fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, OPM(base, lam, probability=1.0), ENCODERS, LinearSplit("fc"))
    steps = []
    plain = balancer.setting.method._kept
    balancer.setting.method._kept = lambda step, q: steps.append(step) or plain(step, q)
    loss = balancer.loss(model(audio, video), labels)
    draws = torch.rand(24, 2, generator=steps[0].generator(1)).tolist()
    weight = model.fc.weight.detach()
    expected = slow(
        [model.audio_net(audio).tolist(), model.video_net(video).tolist()],
        [weight[:, :6].tolist(), weight[:, 6:].tolist()], model.fc.bias.tolist(),
        labels.tolist(), draws, base, lam,
    )  # fmt: skip
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)
