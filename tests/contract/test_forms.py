"""One logit, soft targets and ignored labels: every method trains on them, or says why not."""

import re

import pytest
import torch
from torch.nn import functional

from contract import fusions
from contract.heads import own_head
from contract.training import learned, quick, taught_by
from equimodal import Ablation, BalanceError, Balancer, Classification, LinearSplit, methods
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
        **taught_by(name, fusions.built(fusions.Concatenation), ENCODERS),
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


def test_purity_reads_floating_labels_of_one_logit_as_it_reads_whole_ones():
    found = []
    for kind in (torch.long, torch.double):
        model = fusions.built(fusions.Concatenation)
        model.fc = torch.nn.Linear(model.fc.in_features, 1).double()
        torch.nn.init.ones_(model.fc.weight)
        audio, video, labels = fusions.batch()
        target = labels.clamp_max(1)[:, None].to(kind)
        data = [(audio, video, target)]
        balancer = Balancer(
            model, methods.create("relearn", at=[0.5]), ENCODERS, LinearSplit("fc"),
            loaders={"train": data, "val": data}, epochs=2,
        )  # fmt: skip
        balancer.attach(torch.optim.SGD(model.parameters(), lr=0.1))
        balancer.loss(model(audio, video), target).backward()
        balancer.before_step()
        balancer.epoch_end()
        rows = {r["name"]: r["values"] for r in balancer.decisions.drain()}
        found.append((rows["train_purity"], rows["validation_purity"]))
    assert found[0] == found[1]


def never_of_none(logits, target):
    kept = target != -100
    assert kept.any()
    return functional.cross_entropy(logits[kept], target[kept])


@pytest.mark.parametrize("criterion", [None, never_of_none], ids=["plain", "criterion"])
@pytest.mark.parametrize("name", by_class())
def test_a_modality_with_ignored_labels_alone_has_no_loss_and_leaves_the_others(name, criterion):
    task = Classification(ignore_index=-100, criterion=criterion)
    if methods.create(name, **quick(name)).unsuited(task):
        return
    audio, video, labels = fusions.batch()
    data, present = [(audio, video, labels)], torch.ones(24, 2, dtype=torch.bool)
    present[6:, 0] = False
    batches = [(labels, None), (labels.masked_fill(torch.arange(24) < 6, -100), present),
               (torch.full_like(labels, -100), None)]  # fmt: skip
    model = fusions.built(fusions.Concatenation)
    balancer = Balancer(
        model, methods.create(name, **quick(name)), ENCODERS, own_head(name, model, "fc"),
        task=task, objective="fused+unimodal", loaders={"train": data, "val": data}, epochs=2,
        **taught_by(name, fusions.built(fusions.Concatenation), ENCODERS),
    )  # fmt: skip
    optimizer = torch.optim.SGD(learned(model, balancer), lr=0.1)
    balancer.attach(optimizer)
    for _ in range(2):
        for target, rows in batches:
            loss = balancer.loss(model(audio, video), target, rows)
            loss.backward()
            balancer.before_step()
            optimizer.step()
            optimizer.zero_grad()
            assert loss.isfinite()
        balancer.epoch_end()
    assert all(p.isfinite().all() for p in model.parameters())


def test_micro_batches_of_two_forms_are_refused():
    model, balancer = made("soft targets", "ogm")
    audio, video, labels = fusions.batch()
    balancer.loss(model(audio, video), labels).backward()
    balancer.loss(model(audio, video), target_of("soft targets", labels)).backward()
    with pytest.raises(
        BalanceError, match=r"targets of the micro-batches .*\[\(24,\), \(24, 3\)\]"
    ):
        balancer.before_step()


class Flat(fusions.Concatenation):
    """One logit without a column."""

    def fuse(self, a, v):
        return super().fuse(a, v)[:, 0]


def test_one_logit_that_the_model_returns_without_a_column_is_refused_wherever_it_is_read():
    audio, video, labels = fusions.batch()
    model = fusions.built(Flat)
    balancer = Balancer(model, methods.create("amss"), ENCODERS, Ablation("zero"))
    with pytest.raises(BalanceError, match=r"Let the model return output\[:, None\]"):
        balancer.loss(model(audio, video), labels.clamp_max(1))
    words = (
        r"gives 'audio' logits of shape \(24,\), and loss\(\) was given \(24, 1\): let the model"
    )
    with pytest.raises(BalanceError, match=words):
        balancer.loss(model(audio, video)[:, None], labels.clamp_max(1))


@pytest.mark.parametrize("form", FORMS)
def test_joint_is_the_plain_loss_to_the_bit(form):
    model, balancer = made(form, "joint")
    audio, video, labels = fusions.batch()
    target = target_of(form, labels)
    found = balancer.loss(model(audio, video), target)
    assert torch.equal(found, plain(form, model(audio, video), target))
