"""PMR equals a loop over plain numbers, through an epoch of prototypes and a batch."""

import pytest
import torch

from contract import fusions
from equimodal import PMR, Balancer, LinearSplit
from reference import pmr as slow

ENCODERS = {"audio": "audio_net", "video": "video_net"}


def test_samples_of_a_class_without_prototype_are_left_out_of_every_mean():
    model = fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    seen = labels < 2
    balancer = Balancer(
        model, PMR(1.0, 0.5, share=1.0, regularise=1.0), ENCODERS,
        loaders={"train": [(audio[seen], video[seen], labels[seen])]},
    )  # fmt: skip
    loss = balancer.loss(model(audio, video), labels)
    features = [model.audio_net(audio).tolist(), model.video_net(video).tolist()]
    known = [model.audio_net(audio[seen]).tolist(), model.video_net(video[seen]).tolist()]
    centres = [slow.prototypes(f, labels[seen].tolist(), 3) for f in known]
    base = float(torch.nn.functional.cross_entropy(model(audio, video), labels).detach())
    expected = slow.loss(base, features, labels.tolist(), centres, 1.0, 0.5)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("alpha", "mu"), [(1.0, 0.01), (2.0, 0.5)])
def test_a_loss_equals_the_loop(alpha, mu):
    model = fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    halves = [(audio[k::2], video[k::2], labels[k::2]) for k in (0, 1)]
    balancer = Balancer(
        model, PMR(alpha, mu, share=1.0, regularise=1.0), ENCODERS, LinearSplit("fc"),
        loaders={"train": halves},
    )  # fmt: skip
    loss = balancer.loss(model(audio, video), labels)
    features = [model.audio_net(audio).tolist(), model.video_net(video).tolist()]
    centres = [slow.prototypes(f, labels.tolist(), 3) for f in features]
    base = float(torch.nn.functional.cross_entropy(model(audio, video), labels).detach())
    expected = slow.loss(base, features, labels.tolist(), centres, alpha, mu)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)
    assert abs(expected - base) > 1e-4
