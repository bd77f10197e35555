"""DGL equals separate backward passes, each of whose strange gradients are thrown away."""

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import DGL, Balancer

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def slow(model, audio, video, labels, alpha):
    """Gradient of every parameter, from one backward pass a loss."""
    features = [model.audio_net(audio), model.video_net(video)]
    named = dict(model.named_parameters())
    found = {n: torch.zeros_like(p) for n, p in named.items()}

    def keep(loss, mine):
        made = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
        for (n, _), g in zip(named.items(), made, strict=True):
            if mine(n) and g is not None:
                found[n] += g

    for k, m in enumerate(("audio", "video")):
        blanked = [f if j == k else torch.zeros_like(f) for j, f in enumerate(features)]
        loss = alpha * functional.cross_entropy(model.fuse(*blanked), labels)
        keep(loss, lambda n, m=m: n.startswith(f"{m}_net"))
    keep(functional.cross_entropy(model.fuse(*features), labels), lambda n: "_net" not in n)
    return found


@pytest.mark.parametrize("fusion", [fusions.Concatenation, fusions.FeatureSum, fusions.Gated])
def test_gradients_equal_those_of_separate_passes(fusion):
    model = fusions.built(fusion)
    audio, video, labels = fusions.batch()
    expected = slow(model, audio, video, labels, 3.0)
    balancer = Balancer(model, DGL(3.0), ENCODERS)
    balancer.loss(model(audio, video), labels).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=0, atol=1e-12)
