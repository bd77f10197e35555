import pytest
import torch

from equimodal.train.evaluation import measures, predict, probed
from equimodal.train.setup import Batches, build
from unit.train.tiny import config

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
    monkeypatch.setattr("equimodal.train.setup.EVALUATION_ROWS", 7)
    assert len(list(Batches(setup.source.train))) == 11
    assert torch.allclose(predict(setup, setup.source.train).logits, whole.logits, atol=1e-6)


def test_the_probe_is_fitted_on_the_training_features():
    setup = build(config())
    train, test = (predict(setup, part) for part in (setup.source.train, setup.source.test))
    found = measures(test, probed(train, {"test": test})["test"])
    assert found["accuracy"] == (test.logits.argmax(1) == test.labels).double().mean().item()
    assert all(0.3 < accuracy <= 1 for accuracy in found["probe_accuracy"].values())
