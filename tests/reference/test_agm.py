"""AGM equals a loop over orders of the modalities, samples and steps."""

import math
from itertools import permutations

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import AGM, Ablation, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def responses(logits, count):
    """Mean over all orders of what each modality adds; a first one adds its own logits."""
    found = [0.0] * count
    orders = list(permutations(range(count)))
    for order in orders:
        for place, m in enumerate(order):
            before = frozenset(order[:place])
            gain = logits[before | {m}] - (logits[before] if before else 0.0)
            found[m] = found[m] + gain / len(orders)
    return found


def losses(parts, labels):
    found = []
    for part in parts:
        chances = part.softmax(1).tolist()
        rows = [-math.log(max(p[y], 1e-8)) for p, y in zip(chances, labels.tolist(), strict=True)]
        found.append(sum(rows) / len(rows))
    return found


def coefficients(now, reference, alpha, cap):
    count = len(now)

    def ahead(values, m):
        return math.exp(count / (count - 1) * (sum(values) / count - values[m]))

    return [math.exp(alpha * min(ahead(reference, m) - ahead(now, m), cap)) for m in range(count)]


@pytest.mark.parametrize("fusion", ["linear", "gated"])
def test_three_updates_equal_the_loop(fusion):
    kind = fusions.Concatenation if fusion == "linear" else fusions.Gated
    readout = LinearSplit("fc") if fusion == "linear" else Ablation()
    model, slow = fusions.built(kind), fusions.built(kind)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, AGM(2.0), ENCODERS, readout)
    fast, by_hand = (torch.optim.SGD(m.parameters(), lr=0.5) for m in (model, slow))
    reference = [0.0, 0.0]
    for t in range(1, 4):
        balancer.loss(model(audio, video), labels).backward()
        balancer.before_step()
        fast.step()
        fast.zero_grad()

        a, v = slow.audio_net(audio), slow.video_net(video)
        logits = {
            frozenset({0, 1}): slow.fuse(a, v), frozenset({0}): slow.fuse(a, 0 * v),
            frozenset({1}): slow.fuse(0 * a, v),
        }  # fmt: skip
        parts = responses(logits, 2)
        if fusion == "linear":  # the bias is in both coalitions of one, and shared
            parts = [p.clone() for p in parts]
        now = losses([p.detach() for p in parts], labels)
        kappa = coefficients(now, reference, 2.0, 7.0)
        reference = [r * (t - 1) / t + s / t for r, s in zip(reference, now, strict=True)]
        routed = logits[frozenset({0, 1})].detach()
        for k, part in zip(kappa, parts, strict=True):
            routed = routed + k * (part - part.detach())
        functional.cross_entropy(routed, labels).backward()
        by_hand.step()
        by_hand.zero_grad()
    for one, other in zip(model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
