"""Several labels and numbers as targets: a method works as its mathematics allows, or says why."""

import math
import re

import pytest
import torch
from torch.nn import functional

from contract import fusions
from equimodal import Ablation, BalanceError, Balancer, LinearSplit, MultiLabel, Regression, methods
from products import by_class

ENCODERS = {"audio": "audio_net", "video": "video_net"}
REFUSED = {
    ("labels", "relearn"): "DiagnoseRelearn does not work for multi-label.*one class a sample",
    ("numbers", "relearn"): "DiagnoseRelearn does not work for regression.*one class a sample",
    **{
        ("numbers", name): "AMSS does not work for regression: .*discrete label"
        for name in ("amss", "amss-scale", "amss-uniform", "amss+")
    },
    **{
        ("numbers", name): "does not work for regression: .*probability of the true class"
        for name in ("dus", "dus-rl", "dus-uniform")
    },
}
TASKS = {"labels": MultiLabel, "numbers": Regression}


def targets(kind, labels):
    return (
        functional.one_hot(labels, 3) if kind == "labels" else functional.one_hot(labels).double()
    )


def made(kind, name, *, readout=None, model=None, settings=None, **options):
    model = model or fusions.built(fusions.Concatenation)
    data = [fusions.batch()]
    return model, Balancer(
        model, methods.create(name, **(settings or {})), ENCODERS, readout or LinearSplit("fc"),
        task=TASKS[kind](), loaders={"train": data, "val": data}, epochs=6, **options,
    )  # fmt: skip


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", by_class())
def test_a_method_trains_on_any_target_it_has_a_meaning_for(name, kind):
    reason = methods.create(name).unsuited(TASKS[kind]())
    if (kind, name) in REFUSED or reason:
        with pytest.raises(BalanceError, match=REFUSED.get((kind, name), re.escape(reason))):
            made(kind, name)
        return
    # The parts of a linear head sum to the number, so that they cannot each be all of it.
    gated = kind == "numbers" and methods.entry(name).objective == "own"
    model, balancer = (
        made(kind, name, readout=Ablation("mean"), model=fusions.built(fusions.Gated))
        if gated
        else made(kind, name)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    audio, video, labels = fusions.batch()
    losses = []
    for _ in range(20):
        loss = balancer.loss(model(audio, video), targets(kind, labels))
        loss.backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert all(map(math.isfinite, losses))
    assert losses[-1] < 0.9 * losses[0]


def test_unimodal_losses_of_numbers_are_refused_where_parts_sum():
    with pytest.raises(BalanceError, match=r"parts of LinearSplit sum to it"):
        made("numbers", "joint", objective="fused+unimodal")


@pytest.mark.parametrize("script", ["av", "it", "nv"])
def test_the_released_formulas_read_one_class_a_sample(script):
    with pytest.raises(BalanceError, match=rf"significance='{script}' reads one class"):
        made("labels", "amss", settings={"significance": script})


def test_significance_of_several_labels_is_a_bound_summed_over_them():
    model, balancer = made("labels", "amss")
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), targets("labels", labels)).backward()
    balancer.before_step()
    balancer.epoch_end()
    found = {r["name"]: r["values"] for r in balancer.decisions.drain()}["significance"]

    share = 1 / 3  # each of three balanced classes is true in a third of the samples
    entropy = -3 * (share * math.log(share) + (1 - share) * math.log(1 - share))
    fc, bias = model.fc.weight.detach(), model.fc.bias.detach()
    for k, (m, net, x) in enumerate(
        [("audio", model.audio_net, audio), ("video", model.video_net, video)]
    ):
        z = net(x).detach()
        logits = z @ fc[:, 6 * k : 6 * k + 6].T + bias / 2
        chance = torch.sigmoid(logits)
        truth = targets("labels", labels)
        cross = -(truth * chance.log() + (1 - truth) * (1 - chance).log()).sum(1).mean()
        q = z.softmax(1)
        spread = -(q * q.log()).sum(1).mean()
        assert found[m] == pytest.approx(float((entropy - cross) / spread), rel=1e-6)
