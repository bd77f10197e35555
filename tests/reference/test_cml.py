"""CML equals a loop over samples, each along its own chain of sets."""

import math

import pytest
import torch

from contract import fusions
from equimodal import CML, Ablation, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def softmax(z):
    total = sum(math.exp(x) for x in z)
    return [math.exp(x) / total for x in z]


def counted(full, subset, label, mask):
    """The rise of one pair of sets of one sample."""
    rise = max(softmax(subset)) - max(softmax(full))
    right, other = (z.index(max(z)) == label for z in (full, subset))
    counts = mask == "none" or right or (not right and not other)
    return max(rise, 0.0) if counts else 0.0


def slow(model, audio, video, labels, places, lam, mask):
    """Loss of the batch; ``places`` says when each modality leaves each sample's chain."""
    total, punished = 0.0, 0.0
    for i, label in enumerate(labels.tolist()):
        chain = []
        for level in range(2):
            kept = [float(place >= level) for place in places[i]]
            nets = ((model.audio_net, audio), (model.video_net, video))
            features = [n(x[i : i + 1]) * k for (n, x), k in zip(nets, kept, strict=True)]
            chain.append(model.fuse(*features)[0].tolist())
        total += sum(-math.log(softmax(z)[label]) for z in chain) / 2
        punished += counted(*chain, label, mask)
    return (total + lam * punished) / len(labels)


@pytest.mark.parametrize("mask", ["right", "both", "none"])
@pytest.mark.parametrize("fusion", ["concatenation", "gated"])
def test_a_loss_equals_the_loop(fusion, mask):
    linear = fusion == "concatenation"
    model = fusions.built(fusions.Concatenation if linear else fusions.Gated)
    audio, video, labels = fusions.batch()
    readout = LinearSplit("fc") if linear else Ablation()
    balancer = Balancer(model, CML(2.0, mask=mask), ENCODERS, readout)
    seen = []
    plain = balancer.setting.method._places
    balancer.setting.method._places = lambda *a: seen.append(plain(*a)) or seen[0]
    loss = balancer.loss(model(audio, video), labels)
    with torch.no_grad():
        expected = slow(model, audio, video, labels, seen[0].tolist(), 2.0, mask)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)
