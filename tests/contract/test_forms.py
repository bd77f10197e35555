"""One logit, soft targets and ignored labels: every method trains on them, or says why not."""

import re

import pytest
import torch
from torch.nn import functional

from contract import fusions
from contract.heads import own_head
from contract.training import learned, quick
from equimodal import BalanceError, Balancer, Classification, methods
from products import by_class

ENCODERS = {"audio": "audio_net", "video": "video_net"}
FORMS = ("one logit", "soft targets", "ignored labels")


def target_of(form, labels):
    return {
        "one logit": labels.clamp_max(1)[:, None].double(),
        "soft targets": 0.9 * functional.one_hot(labels, 3).double() + 0.1 / 3,
        "ignored labels": torch.where(torch.arange(len(labels)) % 5 == 0, -100, labels),
    }[form]


def plain(form, logits, target):
    if form == "one logit":
        return functional.binary_cross_entropy_with_logits(logits, target)
    return functional.cross_entropy(logits, target)


@torch.no_grad()
def measured(model, form, target):
    """The plain loss of the fused logits, of a pass that trains nothing."""
    audio, video, _ = fusions.batch()
    return float(plain(form, model.eval()(audio, video), target))


def made(form, name):
    model = fusions.built(fusions.Concatenation)
    if form == "one logit":
        model.fc = torch.nn.Linear(model.fc.in_features, 1).double()
    audio, video, labels = fusions.batch()
    hard = labels.clamp_max(1) if form == "one logit" else labels
    data = [(audio, video, hard)]
    task = Classification(ignore_index=-100 if form == "ignored labels" else None)
    balancer = Balancer(
        model, methods.create(name, **quick(name)), ENCODERS, own_head(name, model, "fc"),
        task=task, loaders={"train": data, "val": data}, epochs=6,
    )  # fmt: skip
    return model, balancer


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", by_class())
def test_every_method_trains_on_a_form_or_says_why_not(name, form):
    narrowed = Classification()
    narrowed.lacks = frozenset({"classes"})
    reason = methods.create(name, **quick(name)).unsuited(narrowed)
    audio, video, labels = fusions.batch()
    target = target_of(form, labels)
    if reason:
        with pytest.raises(BalanceError, match=f"does not work for .*: {re.escape(reason)}"):
            model, balancer = made(form, name)
            balancer.attach(torch.optim.SGD(learned(model, balancer), lr=0.1))
            balancer.loss(model(audio, video), target)
        return
    model, balancer = made(form, name)
    optimizer = torch.optim.SGD(learned(model, balancer), lr=0.1, momentum=0.9)
    balancer.attach(optimizer)
    before = measured(model, form, target)
    model.train()
    for _ in range(30):
        balancer.loss(model(audio, video), target).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
    balancer.epoch_end()
    assert measured(model, form, target) < 0.97 * before


@pytest.mark.parametrize("form", FORMS)
def test_joint_is_the_plain_loss_to_the_bit(form):
    model, balancer = made(form, "joint")
    audio, video, labels = fusions.batch()
    target = target_of(form, labels)
    found = balancer.loss(model(audio, video), target)
    assert torch.equal(found, plain(form, model(audio, video), target))
