"""G-Blending equals a loop that keeps its losses and weights in plain numbers."""

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import Balancer, GBlending, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def streams(model, audio, video, labels):
    """Losses of audio, video and the fused logits."""
    weight, bias = model.fc.weight, model.fc.bias / 2
    own = [net(x) @ weight[:, k : k + 6].T + bias for net, x, k in
           ((model.audio_net, audio, 0), (model.video_net, video, 6))]  # fmt: skip
    return [functional.cross_entropy(z, labels) for z in (*own, own[0] + own[1])]


def estimated(before, after):
    """Weights from ((train, held out) losses of each stream) before and after."""
    worth = []
    for k in range(3):
        gained = before[1][k] - after[1][k]
        grown = (after[1][k] - after[0][k]) - (before[1][k] - before[0][k])
        worth.append(max(gained, 0.0) / max(grown**2, 1e-4))
    total = sum(worth)
    return [w / total for w in worth] if total else [1 / 3] * 3


@pytest.mark.parametrize("every", [1, 2])
def test_a_training_equals_the_loop(every):
    model, slow = (fusions.built(fusions.Concatenation) for _ in range(2))
    audio, video, labels = fusions.batch()
    train = audio[:16], video[:16], labels[:16]
    held_out = audio[16:], video[16:], labels[16:]
    balancer = Balancer(
        model, GBlending(every), ENCODERS, LinearSplit("fc"),
        loaders={"train": [train], "val": [held_out]},
    )  # fmt: skip
    fast, by_hand = (torch.optim.SGD(m.parameters(), lr=0.5) for m in (model, slow))
    weights = [1 / 3] * 3

    def now():
        with torch.no_grad():
            return [[float(x) for x in streams(slow, *split)] for split in (train, held_out)]

    before = now()
    for epoch in range(6):
        for _ in range(3):
            balancer.loss(model(*train[:2]), train[2]).backward()
            balancer.before_step()
            fast.step()
            fast.zero_grad()
            found = streams(slow, *train)
            sum(w * x for w, x in zip(weights, found, strict=True)).backward()
            by_hand.step()
            by_hand.zero_grad()
        balancer.epoch_end()
        if (epoch + 1) % every == 0:
            weights, before = estimated(before, now()), now()
    for one, other in zip(model.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)
    assert len(set(weights)) > 1
