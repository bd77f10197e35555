"""Several labels and numbers as targets: a method works as its mathematics allows, or says why."""

import math
import re

import pytest
import torch
from torch.nn import functional

from contract import fusions
from contract.heads import own_head
from contract.training import learned, quick, taught_by
from equimodal import Ablation, BalanceError, Balancer, MultiLabel, Regression, methods
from equimodal.numerics.explained import cluster_explained
from equimodal.numerics.purity import feature_clusters
from products import by_class

ENCODERS = {"audio": "audio_net", "video": "video_net"}
TASKS = {"labels": MultiLabel, "numbers": Regression}


def targets(kind, labels):
    return (
        functional.one_hot(labels, 3) if kind == "labels" else functional.one_hot(labels).double()
    )


def made(kind, name, *, readout=None, model=None, settings=None, **options):
    model = model or fusions.built(fusions.Concatenation)
    audio, video, labels = fusions.batch()
    data = [(audio, video, targets(kind, labels))]
    return model, Balancer(
        model, methods.create(name, **(settings or quick(name))), ENCODERS,
        readout or own_head(name, model, "fc"),
        task=TASKS[kind](), loaders={"train": data, "val": data}, epochs=6,
        **taught_by(name, fusions.built(fusions.Concatenation), ENCODERS, settings=settings),
        **options,
    )  # fmt: skip


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", by_class())
def test_a_method_trains_on_any_target_it_has_a_meaning_for(name, kind):
    reason = methods.create(name).unsuited(TASKS[kind]())
    if reason:
        with pytest.raises(BalanceError, match=re.escape(reason)):
            made(kind, name)
        return
    # The parts of a linear head sum to the number, so that they cannot each be all of it.
    summed = kind == "labels" or name in ("joint", "relearn")
    model, balancer = (
        made(kind, name)
        if summed
        else made(kind, name, readout=Ablation("mean"), model=fusions.built(fusions.Gated))
    )
    optimizer = torch.optim.SGD(learned(model, balancer), lr=0.1, momentum=0.9)
    balancer.attach(optimizer)
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


@pytest.mark.parametrize(
    ("name", "objective"), [("joint", "fused+unimodal"), ("amss", "fused"), ("dus", "fused")]
)
def test_a_modality_alone_is_no_number_where_parts_sum(name, objective):
    with pytest.raises(BalanceError, match=r"the parts of LinearSplit sum to it.*Ablation\('mean"):
        made("numbers", name, objective=objective)


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


def gated(name):
    """A method's first records on numbers, with the features and what each predicts alone."""
    model, balancer = made(
        "numbers", name, readout=Ablation("mean"), model=fusions.built(fusions.Gated)
    )
    audio, video, labels = fusions.batch()
    with torch.no_grad():
        features = [model.audio_net(audio), model.video_net(video)]
        means = [z.mean(0, keepdim=True).expand_as(z) for z in features]
        alone = [model.fuse(features[0], means[1]), model.fuse(means[0], features[1])]
    truth = targets("numbers", labels)
    balancer.loss(model(audio, video), truth).backward()
    balancer.before_step()
    balancer.epoch_end()
    found = {r["name"]: r["values"] for r in balancer.decisions.drain()}
    return found, features, alone, truth


def test_significance_of_numbers_is_the_gaussian_bound():
    found, features, alone, truth = gated("amss")
    spread = truth.var(0, correction=0)
    for m, z, guess in zip(("audio", "video"), features, alone, strict=True):
        bound = 0.5 * (spread / (guess - truth).square().mean(0)).log().sum()
        entropy = torch.special.entr(z.softmax(1)).sum(1).mean()
        assert found["significance"][m] == pytest.approx(float(bound / entropy), rel=1e-6)


def test_the_score_of_numbers_is_the_bounded_share_of_their_variance():
    found, _, alone, truth = gated("dus")
    for m, guess in zip(("audio", "video"), alone, strict=True):
        share = 1 - (guess - truth).square().mean(0) / truth.var(0)
        assert found["score"][m] == pytest.approx(float(share.clamp(0, 1).mean()), rel=1e-6)


def test_loaders_of_another_target_are_refused():
    model, balancer = made("numbers", "relearn", settings={"at": [0.5]})
    balancer.setting.loaders["train"], balancer.setting.epochs = [fusions.batch()], 2
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), targets("numbers", labels)).backward()
    balancer.before_step()
    with pytest.raises(
        BalanceError, match=r"The target that loaders give must be a tensor \(N, D\)"
    ):
        balancer.epoch_end()


@pytest.mark.parametrize("kind", TASKS)
def test_purity_of_other_targets_moves_encoders(kind):
    model, balancer = made(kind, "relearn", settings={"at": [0.5]})
    balancer.setting.epochs = 2
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), targets(kind, labels)).backward()
    balancer.before_step()
    balancer.epoch_end()
    found = {r["name"]: r["values"] for r in balancer.decisions.drain()}
    target, z = targets(kind, labels), model.audio_net(audio).detach()
    clusters = feature_clusters(z, 3 if kind == "labels" else 10)
    assert found["train_purity"]["audio"] == pytest.approx(cluster_explained(target, clusters))
