"""CGGM equals a loop over modalities, rows and numbers."""

import math

import torch
from torch.nn import functional

from contract import fusions
from equimodal import CGGM, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def accuracy(features, weight, bias, labels):
    right = 0
    for row, label in zip(features.tolist(), labels.tolist(), strict=True):
        logits = [
            sum(w * x for w, x in zip(ws, row, strict=True)) + b
            for ws, b in zip(weight.tolist(), bias.tolist(), strict=True)
        ]
        right += logits.index(max(logits)) == label
    return right / len(features)


def coefficients(now, before):
    gains = {m: now[m] - before[m] for m in now}
    total = sum(gains.values())
    most = len(now) - 1
    if abs(total) < 1e-9:
        return dict.fromkeys(now, most / len(now))
    return {m: min(max((total - g) / total, 0), most) for m, g in gains.items()}


def cosine_gradient(own, block):
    """Of the cosine of two matrices with respect to the second, number by number."""
    v, w = own.flatten().tolist(), block.flatten().tolist()
    dot = sum(a * b for a, b in zip(v, w, strict=True))
    size_v, size_w = (math.sqrt(sum(x * x for x in values)) for values in (v, w))
    found = [
        a / (size_v * size_w) - dot * b / (size_v * size_w**3) for a, b in zip(v, w, strict=True)
    ]
    return torch.tensor(found, dtype=torch.float64).view_as(block)


def test_five_updates_equal_the_loop():
    model, slow = (fusions.built(fusions.Concatenation) for _ in range(2))
    audio, video, labels = fusions.batch()
    balancer = Balancer(
        model, CGGM(1.3, 0.4), ENCODERS, LinearSplit("fc"), example=(audio, video, labels)
    )
    beside = [p.detach().clone().requires_grad_() for p in balancer.parameters()]
    fast = torch.optim.SGD([*model.parameters(), *balancer.parameters()], lr=0.5)
    by_hand = torch.optim.SGD([*slow.parameters(), *beside], lr=0.5)
    balancer.attach(fast)
    nets = {"audio": (slow.audio_net, *beside[:2]), "video": (slow.video_net, *beside[2:])}
    before, held = dict.fromkeys(nets, 0.0), None
    for _ in range(5):
        balancer.loss(model(audio, video), labels).backward()
        balancer.before_step()
        fast.step()
        fast.zero_grad()

        features = {"audio": slow.audio_net(audio), "video": slow.video_net(video)}
        functional.cross_entropy(slow.fuse(*features.values()), labels).backward()
        for m, (_, weight, bias) in nets.items():
            own = features[m].detach() @ weight.T + bias
            functional.cross_entropy(own, labels).backward()
        if held is not None:
            for k, (m, (_, weight, _)) in enumerate(nets.items()):
                place = slice(k * fusions.WIDTH, (k + 1) * fusions.WIDTH)
                turn = cosine_gradient(weight.detach(), slow.fc.weight.detach()[:, place])
                slow.fc.weight.grad[:, place] -= 0.4 / 2 * held[m] * turn
        now = {m: accuracy(features[m], w, b, labels) for m, (_, w, b) in nets.items()}
        held, before = coefficients(now, before), now
        for m, (net, *_) in nets.items():
            for parameter in net.parameters():
                parameter.grad *= 1.3 * held[m]
        by_hand.step()
        by_hand.zero_grad()
    for one, other in zip(model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    for one, other in zip(balancer.parameters(), beside, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
