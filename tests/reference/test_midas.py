"""MIDAS equals a loop over kinds, samples and modalities, through two updates of alpha."""

import math

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import MIDAS, Ablation, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def softmax(z):
    total = sum(math.exp(x) for x in z)
    return [math.exp(x) / total for x in z]


def cosine(one, other):
    dot = sum(x * y for x, y in zip(one, other, strict=True))
    return dot / math.sqrt(sum(x * x for x in one) * sum(y * y for y in other))


def slow(fuse, features, own, labels, kinds, alpha, eta):
    """Mean loss of the misaligned rows and the next alpha; lists by modality."""
    losses, shares, given = [], [], []
    for k, sources in enumerate(kinds):
        for i in range(len(labels)):
            rows = [int(s[i]) for s in sources]
            ys = [labels[r] for r in rows]
            if ys[0] == ys[1]:
                continue
            sure = [own[m][r][labels[r]] for m, r in enumerate(rows)]
            share = [c / sum(sure) for c in sure]
            p = softmax(fuse([features[m][r] for m, r in enumerate(rows)]))
            other = 1 - k
            hard = max(cosine(features[other][i], features[other][rows[other]]), 0.0)
            loss = -sum(a * c * math.log(p[y]) for a, c, y in zip(alpha, share, ys, strict=True))
            losses.append(hard * loss)
            shares.append(share)
            given.append([p[y] / sum(p[x] for x in ys) for y in ys])
    count = len(losses)
    mean = [sum(s[m] for s in shares) / count for m in range(2)]
    weak = mean.index(min(mean))
    lacking = mean[weak] - sum(g[weak] for g in given) / count
    grown = max(1.0, alpha[weak] + eta * lacking)
    return sum(losses) / count, [grown if m == weak else 1.0 for m in range(2)]


@pytest.mark.parametrize("fusion", ["linear", "gated"])
def test_two_losses_equal_the_loop(fusion):
    linear = fusion == "linear"
    model = fusions.built(fusions.Concatenation if linear else fusions.Gated)
    audio, video, labels = fusions.batch()
    readout = LinearSplit("fc") if linear else Ablation()
    balancer = Balancer(model, MIDAS(2.0, 0.5), ENCODERS, readout)
    method, seen = balancer.setting.method, []
    plain = method._sources
    method._sources = lambda step, k: seen.append(plain(step, k)) or seen[-1]
    alpha = [1.0, 1.0]

    def fuse(features):
        rows = [torch.tensor(f, dtype=torch.float64)[None] for f in features]
        with torch.no_grad():
            return model.fuse(*rows)[0].tolist()

    with torch.no_grad():
        z = [model.audio_net(audio), model.video_net(video)]
        if linear:
            own = [f @ model.fc.weight[:, 6 * k : 6 * k + 6].T + model.fc.bias / 2
                   for k, f in enumerate(z)]  # fmt: skip
        else:
            own = [model.fuse(z[0], 0 * z[1]), model.fuse(0 * z[0], z[1])]
        total = sum(functional.cross_entropy(x, labels) for x in (*own, model.fuse(*z)))
    chances = [[softmax(row) for row in x.tolist()] for x in own]
    for _ in range(2):
        seen.clear()
        loss = float(balancer.loss(model(audio, video), labels).detach())
        lists = [f.tolist() for f in z]
        mean, alpha = slow(fuse, lists, chances, labels.tolist(), seen, alpha, 0.5)
        assert loss == pytest.approx(float(total) + 2 * mean, abs=1e-11)
        assert method.state["alpha"].tolist() == pytest.approx(alpha, abs=1e-12)
