"""MCR's gradients equal those of one backward pass a player, with all else held fixed."""

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import MCR, Ablation, Balancer, LinearSplit

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def divergence(one, other):
    """Mean Jensen-Shannon divergence, from probabilities."""
    p, q = one.softmax(1), other.softmax(1)
    middle = (p + q) / 2
    return ((p * (p / middle).log() + q * (q / middle).log()).sum(1) / 2).mean()


def pushed(model, audio, video, draws, k, lam):
    """Gradient of the game for every encoder's parameters."""
    found = {}
    for j, net in enumerate((model.audio_net, model.video_net)):
        features = [model.audio_net(audio), model.video_net(video)]
        features = [f if i == j else f.detach() for i, f in enumerate(features)]
        plain, goal = model.fuse(*features), 0.0
        for m in range(2):
            for rows in draws:
                mixed = [f[rows] if i == m else f for i, f in enumerate(features)]
                effect = divergence(plain, model.fuse(*mixed)) / len(draws)
                goal = goal - (effect if m == j else k * effect)
        made = torch.autograd.grad(lam * goal, list(net.parameters()))
        found |= dict(zip(net.parameters(), made, strict=True))
    return found


def contrast(features, labels):
    """Mean over ordered pairs of one label."""
    rows = functional.normalize(features, dim=1)
    likeness = (rows @ rows.T / 0.5).exp()
    losses = []
    for i in range(len(rows)):
        others = sum(likeness[i, k] for k in range(len(rows)) if labels[k] != labels[i])
        for j in range(len(rows)):
            if i != j and labels[i] == labels[j]:
                losses.append(-(likeness[i, j] / (likeness[i, j] + others)).log())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("k", [-1, 0, 1])
@pytest.mark.parametrize("fusion", ["linear", "gated"])
def test_gradients_equal_those_of_the_players(monkeypatch, fusion, k):
    linear = fusion == "linear"
    model = fusions.built(fusions.Concatenation if linear else fusions.Gated)
    audio, video, labels = fusions.batch()
    readout = LinearSplit("fc") if linear else Ablation()
    method = MCR(3.0, k, permutations=2, unimodal_weight=0.0)
    balancer = Balancer(model, method, ENCODERS, readout)
    draws = []
    plain = torch.randperm
    monkeypatch.setattr(
        torch, "randperm", lambda *a, **o: draws.append(plain(*a, **o)) or draws[-1]
    )
    balancer.loss(model(audio, video), labels).backward()
    monkeypatch.undo()
    assert len(draws) == 2 and not torch.equal(*draws)
    mine = {p: p.grad.clone() for p in model.parameters()}
    model.zero_grad()

    z = [model.audio_net(audio), model.video_net(video)]
    loss = functional.cross_entropy(model.fuse(*z), labels)
    (loss + contrast(torch.cat(z), torch.cat([labels, labels]))).backward()
    game = pushed(model, audio, video, draws, k, 3.0)
    assert any(g.abs().max() > 1e-4 for g in game.values())
    for net in (model.audio_net, model.video_net):
        for p in net.parameters():
            torch.testing.assert_close(mine[p], p.grad + game[p], rtol=0, atol=1e-11)
