"""A label a token: every method works over tokens, or says why not."""

import re

import pytest
import torch
from torch.nn import functional

from contract.heads import own_head
from contract.models import CLASSES, WIDTH, Tagger
from contract.training import assert_same_weights, hold_all, quick, sgd, taught_by
from equimodal import Ablation, BalanceError, Balancer, Classification, LinearSplit, methods
from products import by_class

ENCODERS = {m: f"encoders.{m}" for m in "ab"}
PADDING = Classification(ignore_index=-100)


def batch(seed=0):
    """Two sequences of steps, and a label for each step but the padded ones."""
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(12, 5, 3, generator=draw, dtype=torch.float64) for _ in range(2))
    labels = (a.sum(-1) > 0).long() + (b.sum(-1) > 0).long()
    steps = torch.randint(2, 6, (12, 1), generator=draw)
    return a, b, labels.masked_fill(torch.arange(5) >= steps, -100)


def tagger():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Tagger().double()


def made(name, readout=None, *, settings=None, **options):
    model, data = tagger(), [batch()]
    balancer = Balancer(
        model, methods.create(name, **(quick(name) if settings is None else settings)), ENCODERS,
        readout or own_head(name, model, "head"), loaders={"train": data, "val": data}, epochs=6,
        **taught_by(name, tagger(), ENCODERS, width=WIDTH, settings=settings),
        **{"task": PADDING, **options},
    )  # fmt: skip
    return model, balancer


def trained(model, loss_of, before_step, updates=20):
    optimizer, losses = sgd(model.parameters()), []
    if hasattr(loss_of, "__self__"):
        hold_all(optimizer, loss_of.__self__)
        loss_of.__self__.attach(optimizer)
    for seed in range(updates):
        a, b, labels = batch(seed)
        loss = loss_of(model(a, b), labels)
        loss.backward()
        before_step()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def plain(output, labels):
    return functional.cross_entropy(output.flatten(0, 1), labels.flatten(), ignore_index=-100)


def test_joint_is_the_plain_loop_bit_for_bit():
    expected = tagger()
    trained(expected, plain, lambda: None)
    model, balancer = made("joint")
    trained(model, balancer.loss, balancer.before_step)
    assert_same_weights(dict(model.named_parameters()), dict(expected.named_parameters()))


@pytest.mark.parametrize("name", by_class())
def test_every_method_trains_on_tokens_or_says_why_not(name):
    narrowed = Classification()
    narrowed.lacks = frozenset({"classes", "purity"})
    if reason := methods.create(name, **quick(name)).unsuited(narrowed):
        with pytest.raises(BalanceError, match=f"does not work for .*: {re.escape(reason)}"):
            model, balancer = made(name)
            trained(model, balancer.loss, balancer.before_step, 1)
        return
    model, balancer = made(name)
    losses = trained(model, balancer.loss, balancer.before_step, 40)
    assert losses[-1] < 0.9 * losses[0]


def test_purity_over_tokens_is_refused_by_its_shape():
    model, balancer = made("relearn", task=Classification())
    a, b, labels = batch()
    with pytest.raises(BalanceError, match=r"DiagnoseRelearn does not work for a label a token, "
                       r"\(12, 5, 3\): its purity"):  # fmt: skip
        balancer.loss(model(a, b), labels.clamp_min(0))


@pytest.mark.parametrize("script", ["av", "it", "nv"])
def test_released_formulas_refuse_tokens(script):
    with pytest.raises(BalanceError, match=r"classes with ignored labels: significance="):
        made("amss", settings={"significance": script})
    model, balancer = made("amss", settings={"significance": script}, task=Classification())
    a, b, labels = batch()
    with pytest.raises(BalanceError, match=f"significance='{script}' reads one class a sample"):
        balancer.loss(model(a, b), labels.clamp_min(0))


@pytest.mark.parametrize("readout", [LinearSplit("head"), Ablation("zero")], ids=["split", "zero"])
def test_the_significance_is_over_the_tokens_that_count(readout):
    model, balancer = made("amss", readout)
    a, b, labels = batch()
    balancer.loss(model(a, b), labels).backward()
    balancer.before_step()
    balancer.epoch_end()
    found = {r["name"]: r["values"] for r in balancer.decisions.drain()}["significance"]

    model, kept = tagger().requires_grad_(False), labels != -100
    truth = labels[kept]
    shares = truth.bincount(minlength=CLASSES) / len(truth)
    entropy = float(torch.special.entr(shares).sum())
    divisor = 2 if isinstance(readout, LinearSplit) else 1
    for k, (m, x) in enumerate({"a": a, "b": b}.items()):
        z = model.encoders[m](x)[kept]
        weight = model.head.weight[:, WIDTH * k : WIDTH * (k + 1)]
        logits = z @ weight.T + model.head.bias / divisor
        cross = float(functional.cross_entropy(logits, truth))
        spread = float(torch.special.entr(z.softmax(1)).sum(1).mean())
        assert found[m] == pytest.approx((entropy - cross) / spread, rel=1e-5)


def test_the_score_is_over_the_tokens_that_count():
    model, balancer = made("dus", settings={})
    a, b, labels = batch()
    balancer.loss(model(a, b), labels).backward()
    balancer.before_step()
    balancer.epoch_end()
    found = {r["name"]: r["values"] for r in balancer.decisions.drain()}["score"]

    kept = labels != -100
    for k, (m, x) in enumerate({"a": a, "b": b}.items()):
        weight = model.head.weight[:, WIDTH * k : WIDTH * (k + 1)]
        logits = model.encoders[m](x)[kept] @ weight.T + model.head.bias / 2
        own = logits.softmax(1).gather(1, labels[kept][:, None]).mean()
        assert found[m] == pytest.approx(own.item(), rel=1e-6)


def test_the_diagnosis_scores_the_tokens_that_count():
    model, balancer = made("joint", diagnose=1)
    a, b, labels = batch()
    balancer.loss(model(a, b), labels).backward()
    balancer.before_step()
    balancer.epoch_end()
    rows = {r["name"]: r["values"] for r in balancer.diagnosis.drain()}
    weight = model.head.weight[:, :WIDTH]
    logits = model.encoders["a"](a) @ weight.T + model.head.bias / 2
    kept = labels != -100
    own = logits[kept].softmax(1).gather(1, labels[kept][:, None]).mean()
    assert rows["score"]["a"] == pytest.approx(own.item(), rel=1e-6)


def shorter(padded):
    """The batch without its last two steps; or with them, padded."""
    a, b, labels = batch(1)
    if padded:
        return a, b, labels.masked_fill(torch.arange(5) > 2, -100)
    return a[:, :3], b[:, :3], labels[:, :3]


@pytest.mark.parametrize("ablated", [False, True])
@pytest.mark.parametrize("name", by_class())
def test_micro_batches_of_other_lengths_are_one_update_as_padded_ones_are(name, ablated):
    narrowed = Classification()
    narrowed.lacks = frozenset({"classes", "purity"})
    if methods.create(name, **quick(name)).unsuited(narrowed):
        return
    if ablated and methods.entry(name).fusion:
        return
    if methods.entry(name).depends:
        return  # it pulls the features of every step, with a label or without
    found = []
    for padded in (True, False):
        model, balancer = made(name, Ablation("zero") if ablated else None)
        optimizer = sgd(model.parameters())
        hold_all(optimizer, balancer)
        balancer.attach(optimizer)
        for a, b, labels in (batch(), shorter(padded)):
            (balancer.loss(model(a, b), labels) / 2).backward()
        balancer.before_step()
        optimizer.step()
        found.append(model.state_dict())
    for key, value in found[0].items():
        torch.testing.assert_close(found[1][key], value, rtol=0, atol=1e-12)


class Pooled(Tagger):
    """A label a sample, of encoders that give every step."""

    def forward(self, a, b):
        joined = torch.cat([self.encoders["a"](a), self.encoders["b"](b)], -1)
        return self.head(joined.mean(1))


@pytest.mark.parametrize("name", ["amss", "ogm"])
def test_features_of_other_lengths_are_refused_where_they_are_read_alone(name):
    model = Pooled().double()
    balancer = Balancer(model, methods.create(name), ENCODERS, Ablation("zero"))
    a, b, labels = batch()
    for steps in (5, 3):
        balancer.loss(model(a[:, :steps], b[:, :steps]), labels[:, 0]).backward()
    if name == "ogm":
        balancer.before_step()
        return
    with pytest.raises(BalanceError, match=r"features of 'a' of the micro-batches .*\(12, 5, 6\), "
                       r"\(12, 3, 6\)\].*pool='mean'"):  # fmt: skip
        balancer.before_step()


def test_features_of_other_lengths_in_a_split_are_refused_by_name():
    a, b, labels = batch()
    data = [(a, b, labels[:, 0]), (a[:, :3], b[:, :3], labels[:, 0])]
    model = Pooled().double()
    balancer = Balancer(
        model, methods.create("relearn", at=[0.5]), ENCODERS, loaders={"train": data, "val": data},
        epochs=2,
    )  # fmt: skip
    balancer.attach(sgd(model.parameters()))
    balancer.loss(model(a, b), labels[:, 0]).backward()
    balancer.before_step()
    with pytest.raises(BalanceError, match=r"features of 'a' are of other lengths .*\[18, 30\]"):
        balancer.epoch_end()


def test_layers_that_mix_modalities_before_a_head_over_tokens_are_named():
    class Mixed(Tagger):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.LayerNorm(2 * WIDTH)

        def forward(self, a, b):
            joined = torch.cat([self.encoders["a"](a), self.encoders["b"](b)], -1)
            return self.head(self.norm(joined))

    model = Mixed().double()
    balancer = Balancer(model, methods.create("amss"), ENCODERS, LinearSplit("head"), task=PADDING)
    a, b, labels = batch()
    with pytest.raises(BalanceError, match=r"the layer 'norm' \(LayerNorm\) mixes modalities"):
        balancer.loss(model(a, b), labels)


def test_dropout_before_a_head_over_tokens_is_read():
    class Dropped(Tagger):
        def forward(self, a, b):
            joined = torch.cat([self.encoders["a"](a), self.encoders["b"](b)], -1)
            return self.head(functional.dropout(joined, 0.5, self.training))

    model = Dropped().double()
    balancer = Balancer(model, methods.create("amss"), ENCODERS, LinearSplit("head"), task=PADDING)
    a, b, labels = batch()
    balancer.loss(model(a, b), labels).backward()
    balancer.before_step()
