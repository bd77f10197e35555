"""UMT and G2D equal loops over modalities, rows and numbers."""

import math

import pytest
import torch
from torch.nn import functional

from contract import fusions
from contract.training import taught_by
from equimodal import G2D, UMT, Balancer

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def squared_distance(features, taught):
    """Mean over rows and features, number by number, with its gradient for the features."""
    rows, width = features.shape
    slope = torch.empty_like(features)
    total = 0.0
    for i in range(rows):
        for k in range(width):
            gap = float(features[i, k]) - float(taught[i, k])
            total += gap**2 / (rows * width)
            slope[i, k] = 2 * gap / (rows * width)
    return total, slope


def shares(row, temperature):
    top = max(row)
    powers = [math.exp((x - top) / temperature) for x in row]
    return [p / sum(powers) for p in powers]


def divergence_slope(logits, taught, temperature):
    """Gradient of T^2 KL(teacher || student), a mean over rows: T (q - p) / N."""
    slope = torch.empty_like(logits)
    for i, (own, other) in enumerate(zip(logits.tolist(), taught.tolist(), strict=True)):
        q, p = shares(own, temperature), shares(other, temperature)
        for c in range(len(q)):
            slope[i, c] = temperature * (q[c] - p[c]) / len(logits)
    return slope


def parts(method, **options):
    model, slow = (fusions.built(fusions.Concatenation) for _ in range(2))
    name = type(method).__name__.lower()
    given = taught_by(name, fusions.built(fusions.Concatenation), ENCODERS, settings={})
    balancer = Balancer(model, method, ENCODERS, **given, **options)
    fast, by_hand = (torch.optim.SGD(m.parameters(), lr=0.3) for m in (model, slow))
    balancer.attach(fast)
    return model, slow, balancer, fast, by_hand, given["teachers"]


def assert_equal(model, slow):
    for one, other in zip(model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_three_updates_of_umt_equal_the_loop():
    model, slow, balancer, fast, by_hand, teachers = parts(UMT(2.0))
    audio, video, labels = fusions.batch()
    for _ in range(3):
        balancer.loss(model(audio, video), labels).backward()
        balancer.before_step()
        fast.step()
        fast.zero_grad()

        features = {"audio": slow.audio_net(audio), "video": slow.video_net(video)}
        functional.cross_entropy(slow.fuse(*features.values()), labels).backward(retain_graph=True)
        for (m, z), x in zip(features.items(), (audio, video), strict=True):
            _, slope = squared_distance(z.detach(), teachers[m][0](x))
            z.backward(2.0 * slope, retain_graph=True)
        by_hand.step()
        by_hand.zero_grad()
    assert_equal(model, slow)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_four_epochs_of_g2d_equal_the_loop(temperature):
    method = G2D(0.7, 1.5, temperature=temperature)
    model, slow, balancer, fast, by_hand, teachers = parts(method, epochs=4)
    audio, video, labels = fusions.batch()
    taught = {m: teachers[m][0](x) for m, x in (("audio", audio), ("video", video))}
    logits = {m: teachers[m][1](t).detach() for m, t in taught.items()}
    sure = {
        m: sum(shares(row, 1.0)[y] for row, y in zip(k.tolist(), labels.tolist(), strict=True))
        for m, k in logits.items()
    }
    waiting = max(sure, key=lambda m: sure[m])
    nets = {"audio": slow.audio_net, "video": slow.video_net}
    for epoch in range(4):
        balancer.loss(model(audio, video), labels).backward()
        balancer.before_step()
        fast.step()
        fast.zero_grad()
        balancer.epoch_end()

        features = {m: net(x) for (m, net), x in zip(nets.items(), (audio, video), strict=True)}
        fused = slow.fuse(*features.values())
        functional.cross_entropy(fused, labels).backward(retain_graph=True)
        for m, z in features.items():
            slope = divergence_slope(fused.detach(), logits[m], temperature)
            fused.backward(0.7 * slope, retain_graph=True)
            _, pull = squared_distance(z.detach(), taught[m])
            z.backward(1.5 * pull, retain_graph=True)
        for p in nets[waiting].parameters() if epoch < 2 else ():
            p.grad.zero_()
        by_hand.step()
        by_hand.zero_grad()
    assert_equal(model, slow)
