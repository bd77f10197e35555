"""Modality dropout and mixup against loops over single numbers."""

import math
from itertools import chain

import pytest
import torch
from torch.nn.functional import cross_entropy

from contract.training import start
from equimodal.numerics.random import update_generator
from reference.amss import log_softmax
from reference.field import mean, own_logits

THREE = ("linear", "gru", "convolutional")


def batch(training):
    inputs, labels = training.data.take(torch.arange(16))
    net = training.model.eval()
    features = {m: encoder(inputs[m]).tolist() for m, encoder in net.encoders.items()}
    net.train()
    return inputs, labels, features


def fused(features, net):
    """Logits of the head. {m: rows} -> rows"""
    parts = own_logits(features, net.head.weight.tolist(), net.head.bias.tolist())
    return [[sum(c) for c in zip(*rows, strict=True)] for rows in zip(*parts.values(), strict=True)]


def loss_of(logits, labels):
    return mean(-log_softmax(row)[y] for row, y in zip(logits, labels, strict=True))


@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_dropped_features_and_losses_equal_the_slow_loops(rate):
    training = start("modality-dropout", kinds=THREE, settings={"rate": rate}, seed=4,
                     objective="fused+unimodal")  # fmt: skip
    inputs, labels, features = batch(training)
    draws = torch.rand(16, 4, generator=update_generator(4, 0, 0)).tolist()
    kept = []
    for row in draws:
        keeps = [u >= rate for u in row[:3]]
        if not any(keeps):
            keeps = [k == math.floor(3 * row[3]) for k in range(3)]
        kept.append(keeps)
    shown = {
        m: [[x * kept[i][k] for x in row] for i, row in enumerate(rows)]
        for k, (m, rows) in enumerate(features.items())
    }
    out = training.model(inputs)
    assert out.logits.flatten().tolist() == pytest.approx([*chain(*fused(shown, training.model))])
    expected = loss_of(fused(shown, training.model), labels.tolist())
    head = training.model.head.weight.tolist(), training.model.head.bias.tolist()
    for k, (_, rows) in enumerate(own_logits(shown, *head).items()):
        mine = [i for i in range(16) if kept[i][k]]
        expected += loss_of([rows[i] for i in mine], [int(labels[i]) for i in mine])
    assert training.balancer.loss(out, labels).item() == pytest.approx(expected)


def test_mixed_features_and_loss_equal_the_slow_loops():
    training = start("mixup", kinds=THREE, seed=4, settings={"alpha": 2.0})
    inputs, labels, features = batch(training)
    out = training.model(inputs)
    mix = training.balancer.setting.modalities.record._current.drawn["mixed"]
    partners, weight = mix.partners["a"].tolist(), mix.weight
    shown = {
        m: [[weight * x + (1 - weight) * y for x, y in zip(row, rows[j], strict=True)]
            for row, j in zip(rows, partners, strict=True)]
        for m, rows in features.items()
    }  # fmt: skip
    logits = fused(shown, training.model)
    assert out.logits.flatten().tolist() == pytest.approx([*chain(*logits)])
    others = [int(labels[j]) for j in partners]
    expected = weight * loss_of(logits, labels.tolist()) + (1 - weight) * loss_of(logits, others)
    assert training.balancer.loss(out, labels).item() == pytest.approx(expected)
    assert cross_entropy(out.logits, labels).item() != pytest.approx(expected)
