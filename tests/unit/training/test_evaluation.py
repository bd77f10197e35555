import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal.training.evaluation import fused_loss, measures, predict, probed, tracked_rows
from equimodal.training.setup import Batches, build
from unit.training.tiny import config

pytestmark = pytest.mark.usefixtures("tiny")


def test_unimodal_logits_sum_to_the_logits():
    setup = build(config())
    found = predict(setup, setup.source.test)
    total = sum(found.unimodal_logits.values())
    assert torch.allclose(total, found.logits, atol=1e-6)
    assert {m: rows.shape for m, rows in found.features.items()} == dict.fromkeys("abc", (33, 64))


def test_one_modality_alone_predicts_what_the_head_says():
    setup = build(config(method="alone:b"))
    found = predict(setup, setup.source.test)
    assert torch.equal(found.unimodal_logits["b"], found.logits)


def test_the_size_of_a_batch_does_not_matter(monkeypatch):
    setup = build(config())
    whole = predict(setup, setup.source.train)
    monkeypatch.setattr("equimodal.training.setup.EVALUATION_ROWS", 7)
    assert len(list(Batches(setup.source.train))) == 11
    assert torch.allclose(predict(setup, setup.source.train).logits, whole.logits, atol=1e-6)


def test_the_probe_is_fitted_on_the_training_features():
    setup = build(config())
    train, test = (predict(setup, part) for part in (setup.source.train, setup.source.test))
    found = measures(test, probed(train, {"test": test})["test"])
    assert found["accuracy"] == (test.logits.argmax(1) == test.labels).double().mean().item()
    assert all(0.3 < accuracy <= 1 for accuracy in found["probe_accuracy"].values())


@pytest.mark.parametrize("row", ["joint", "joint+unimodal", "dus"])
def test_the_fused_loss_is_that_of_the_fused_logits_on_paired_training_rows(row, monkeypatch):
    setup = build(config(method=row))
    inputs, labels = setup.source.train.take(torch.arange(72))
    with torch.no_grad():
        expected = cross_entropy(setup.network(inputs).logits, labels)
    assert fused_loss(setup, 0) == pytest.approx(float(expected), rel=1e-5)
    monkeypatch.setattr("equimodal.training.evaluation.EVALUATION_ROWS", 7)
    assert fused_loss(setup, 0) == pytest.approx(float(expected), rel=1e-5)


def test_of_many_rows_those_are_followed_that_the_seed_draws(monkeypatch):
    monkeypatch.setattr("equimodal.training.evaluation.TRACKED", 10)
    setup = build(config())
    rows = tracked_rows(72, setup.config.seed)
    assert len(set(rows.tolist())) == 10 and rows.min() >= 0 and rows.max() < 72
    assert torch.equal(rows, tracked_rows(72, setup.config.seed))
    assert not torch.equal(rows, tracked_rows(72, 4))
    inputs, labels = setup.source.train.take(rows)
    with torch.no_grad():
        expected = cross_entropy(setup.network(inputs).logits, labels)
    assert fused_loss(setup, 5) == pytest.approx(float(expected), rel=1e-5)


def test_one_modality_alone_has_no_fused_loss():
    assert fused_loss(build(config(method="alone:b")), 0) is None
