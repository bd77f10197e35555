"""MMCosine equals a loop over samples, modalities and classes."""

import math

import pytest
import torch

from contract import fusions
from equimodal import Balancer, CosineSplit, MMCosine

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def cosine(one, other):
    """Of two rows, 0 where one is all zeros."""
    lengths = math.sqrt(sum(x * x for x in one)) * math.sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0


@pytest.mark.parametrize("scale", [0.5, 10.0])
def test_logits_parts_and_loss_equal_the_loop(scale):
    model = fusions.built(fusions.Cosines)
    audio, video, labels = fusions.batch()
    balancer = Balancer(model, MMCosine(scale), ENCODERS, CosineSplit("fc"))
    logits = model(audio, video)
    loss = float(balancer.loss(logits, labels).detach())
    with torch.no_grad():
        features = {"audio": model.audio_net(audio), "video": model.video_net(video)}
        blocks = {"audio": model.fc.weight[:, :6], "video": model.fc.weight[:, 6:]}
    total = 0.0
    for i, y in enumerate(labels.tolist()):
        parts = {
            m: [scale * cosine(features[m][i].tolist(), w.tolist()) for w in blocks[m]]
            for m in features
        }
        fused = [a + v for a, v in zip(parts["audio"], parts["video"], strict=True)]
        assert logits[i].tolist() == pytest.approx(fused, abs=1e-12)
        total += math.log(sum(map(math.exp, fused))) - fused[y]
    assert loss == pytest.approx(total / len(labels), abs=1e-12)
