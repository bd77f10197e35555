"""Modalities that are missing in some rows or in whole batches."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from contract import fusions
from contract.heads import own_head
from contract.test_encoders import SCHEDULED
from contract.training import assert_same_weights, learned, quick, taught_by
from equimodal import Ablation, BalanceError, Balancer, LinearSplit, methods
from products import by_class

ENCODERS = {"audio": "audio_net", "video": "video_net"}


class Skipping(fusions.Concatenation):
    """Leaves an encoder out where no row of the batch has its modality."""

    def forward(self, audio, video):
        found = [
            net(x) if x is not None else None
            for net, x in ((self.audio_net, audio), (self.video_net, video))
        ]
        rows = next(f for f in found if f is not None)
        return self.fc(
            torch.cat([rows.new_zeros(rows.shape) if f is None else f for f in found], 1)
        )


def made(name, *, model=None, readout=None, **options):
    model = model or fusions.built(fusions.Concatenation)
    readout = readout or own_head(name, model, "fc")
    balancer = Balancer(
        model, methods.create(name, **quick(name)), ENCODERS, readout,
        loaders={"train": loader(), "val": loader()}, forward=forward, epochs=4,
        **taught_by(name, fusions.built(fusions.Concatenation), ENCODERS), **options,
    )  # fmt: skip
    return model, balancer


def forward(model, given):
    audio, video, labels, present = given
    return model(audio, video), labels, present


def present_in(rows=24):
    """Every fourth sample has no sound, every sixth no image."""
    index = torch.arange(rows)
    return torch.stack([index % 4 != 1, index % 6 != 2], 1)


def loader():
    return [(*fusions.batch(), present_in())]


def blanked(present):
    audio, video, labels = fusions.batch()
    return audio * present[:, :1], video * present[:, 1:], labels


def train(model, balancer, present, epochs=4):
    optimizer = torch.optim.SGD(learned(model, balancer), lr=0.1, momentum=0.9)
    balancer.attach(optimizer)
    audio, video, labels = fusions.batch() if present is None else blanked(present)
    given = {"audio": audio, "video": video, "labels": labels}
    given |= {} if present is None else {"present": present}
    losses = []
    for _ in range(epochs):
        for x in fusions.epoch(balancer, 3, **given):
            losses.append(0.0)
            for _ in balancer.passes():
                loss = balancer.loss(model(x["audio"], x["video"]), x["labels"], x.get("present"))
                loss.backward()
                balancer.before_step()
                optimizer.step()
                optimizer.zero_grad()
                losses[-1] += float(loss.detach())
        balancer.epoch_end()
    return losses


@pytest.mark.parametrize("name", by_class())
def test_a_mask_of_all_present_changes_nothing(name):
    one, other = made(name), made(name)
    train(*one, None)
    train(*other, torch.ones(24, 2, dtype=torch.bool))
    assert_same_weights(dict(one[0].named_parameters()), dict(other[0].named_parameters()))


@pytest.mark.parametrize("name", by_class())
def test_a_method_trains_where_modalities_are_missing(name):
    model, balancer = made(name)
    losses = train(model, balancer, present_in())
    assert all(map(math.isfinite, losses))
    if name not in SCHEDULED:
        assert losses[-1] < losses[0]
    values = [v for r in balancer.decisions.drain() for v in r["values"].values()]
    assert None not in values


def test_a_modalitys_own_loss_is_over_its_own_rows():
    model, balancer = made("joint+unimodal")
    present = present_in()
    audio, video, labels = blanked(present)
    loss = balancer.loss(model(audio, video), labels, present)
    expected = functional.cross_entropy(model(audio, video), labels)
    for k, (net, x) in enumerate([(model.audio_net, audio), (model.video_net, video)]):
        rows = present[:, k]
        logits = net(x[rows]) @ model.fc.weight[:, 6 * k : 6 * k + 6].T + model.fc.bias / 2
        expected = expected + functional.cross_entropy(logits, labels[rows])
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-12)


def test_the_significance_of_a_modality_is_that_of_its_own_rows():
    _, balancer = made("amss")
    model = balancer.setting.modalities.model
    present = present_in()
    audio, video, labels = blanked(present)
    balancer.loss(model(audio, video), labels, present).backward()
    balancer.before_step()
    balancer.epoch_end()
    found = {r["name"]: r["values"] for r in balancer.decisions.drain()}["significance"]
    for k, (m, net, x) in enumerate(
        [("audio", model.audio_net, audio), ("video", model.video_net, video)]
    ):
        z, y = net(x[present[:, k]]), labels[present[:, k]]
        logits = z @ model.fc.weight[:, 6 * k : 6 * k + 6].T + model.fc.bias / 2
        q = z.softmax(1)
        rate = (math.log(3) - functional.cross_entropy(logits, y)) / -(q * q.log()).sum(1).mean()
        assert found[m] == pytest.approx(float(rate.detach()), rel=1e-6)


def test_the_features_of_a_split_are_those_of_the_present_rows():
    _, balancer = made("relearn")
    heard = {}

    def on_epoch_end(epoch):
        heard["features"], heard["labels"] = epoch.features("val")

    balancer.setting.method.on_epoch_end = on_epoch_end
    balancer.epoch_end()
    present, (audio, _, labels) = present_in(), fusions.batch()
    rows = present[:, 0]
    net = balancer.setting.modalities.model.audio_net
    torch.testing.assert_close(heard["features"]["audio"], net(audio[rows]).detach().float())
    assert torch.equal(heard["labels"]["audio"], labels[rows])
    assert [len(y) for y in heard["labels"].values()] == [18, 20]


@pytest.mark.parametrize("name", by_class())
def test_a_modality_may_be_missing_in_a_whole_batch(name):
    model = fusions.built(Skipping)
    _, balancer = made(name, model=model)
    optimizer = torch.optim.SGD(learned(model, balancer), lr=0.1)
    balancer.attach(optimizer)
    audio, video, labels = fusions.batch()
    none, every = torch.zeros(24, dtype=torch.bool), torch.ones(24, dtype=torch.bool)
    batches = [
        ((None, video), torch.stack([none, every], 1)),
        ((audio, video), None),
        ((audio, None), torch.stack([every, none], 1)),
    ]
    for inputs, present in balancer.repeat(batches):
        output = model(*inputs)
        if balancer.setting.method.own_batches:
            with pytest.raises(BalanceError, match=r"(lists|follows) the rows.*balancer.batches\("):
                balancer.loss(output, labels, present)
            return
        loss = balancer.loss(output, labels, present)
        loss.backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        assert math.isfinite(float(loss.detach()))


def test_micro_batches_with_different_modalities_make_one_update():
    model = fusions.built(Skipping)
    _, balancer = made("amss", model=model)
    audio, video, labels = fusions.batch()
    none, every = torch.zeros(24, dtype=torch.bool), torch.ones(24, dtype=torch.bool)
    balancer.loss(model(None, video), labels, torch.stack([none, every], 1)).backward()
    balancer.loss(model(audio, None), labels, torch.stack([every, none], 1)).backward()
    balancer.before_step()
    balancer.epoch_end()
    assert {r["name"] for r in balancer.decisions.drain()} >= {"significance", "fraction"}


def test_an_ablation_reads_present_rows_too():
    model = fusions.built(fusions.Gated)
    _, balancer = made("joint+unimodal", model=model, readout=Ablation("zero"))
    losses = train(model, balancer, present_in())
    assert losses[-1] < losses[0]


WRONG = {
    "no tensor": ([[True, True]], "tensor of bool; found list"),
    "numbers": (torch.ones(24, 2), "found torch.float32"),
    "other rows": (torch.ones(9, 2, dtype=torch.bool), r"must be \(24, 2\).*found \(9, 2\)"),
    "other modalities": (torch.ones(24, 3, dtype=torch.bool), r"\['audio', 'video'\]; found"),
    "a row without any": (torch.arange(48).view(24, 2) // 2 != 5, "no modality in row 5"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_mask_is_refused(mistake):
    model, balancer = made("joint")
    audio, video, labels = fusions.batch()
    given, words = WRONG[mistake]
    with pytest.raises(BalanceError, match=words):
        balancer.loss(model(audio, video), labels, given)


def test_a_missing_modality_must_be_told():
    model = fusions.built(Skipping)
    _, balancer = made("amss", model=model)
    _, video, labels = fusions.batch()
    with pytest.raises(BalanceError, match=r"encoder of 'audio'.*loss\(\.\.\., present="):
        balancer.loss(model(None, video), labels)


def test_parts_of_a_head_that_were_never_seen_are_told():
    class Three(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Linear(7, 6) for _ in range(3))
            self.fc = nn.Linear(18, 3)

        def forward(self, x):
            return self.fc(torch.cat([self.a(x), torch.zeros(len(x), 12)], 1))

    model = Three()
    balancer = Balancer(model, methods.create("amss"), {m: m for m in "abc"}, LinearSplit("fc"))
    present = torch.tensor([[True, False, False]] * 4)
    with pytest.raises(BalanceError, match=r"\['b', 'c'\] were missing in every batch so far"):
        balancer.loss(model(torch.randn(4, 7)), torch.tensor([0, 1, 2, 0]), present)
