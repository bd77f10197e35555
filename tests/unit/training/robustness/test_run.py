from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from equimodal.data.dataset import MultimodalDataset
from equimodal.data.presence import PRESENT
from equimodal.errors import BalanceError
from equimodal.measures.robustness import DROPPED, KINDS, LEVELS, NOISED, SHUFFLED
from equimodal.training import setup as setups
from equimodal.training.evaluation import predict
from equimodal.training.loop import train
from equimodal.training.prediction import read_arrays
from equimodal.training.robustness.run import curves, read_stressed, stressed, write_stressed
from equimodal.training.setup import build
from unit.training.tiny import config, tiny_source

pytestmark = pytest.mark.usefixtures("tiny")


def found_of(setup):
    clean = predict(setup, setup.source.test)
    return clean, stressed(setup, setup.source.test, clean).predicted


def changed_rows(each, clean):
    return [set((one != clean).any(1).nonzero()[:, 0].tolist()) for one in each]


def test_the_level_0_is_the_clean_prediction_to_the_last_digit():
    setup = build(config())
    clean = predict(setup, setup.source.test)
    found = stressed(setup, setup.source.test, clean)
    for own in curves(found, clean)["scores"].values():
        assert set(own) == set("abc")
        assert all(scores[0] == clean.score and len(scores) == 5 for scores in own.values())


@pytest.mark.parametrize("kind", [DROPPED, SHUFFLED])
def test_a_level_is_the_share_of_the_samples_that_it_touches(kind):
    clean, found = found_of(build(config()))
    rows = changed_rows(found[kind]["b"], clean.logits)
    assert [len(one) for one in rows] == [round(level * 33) for level in LEVELS]
    assert all(one <= other for one, other in pairwise(rows))


def test_noise_touches_every_sample_at_every_level():
    clean, found = found_of(build(config()))
    assert [len(one) for one in changed_rows(found[NOISED]["b"], clean.logits)] == [0, *[33] * 4]


def test_a_model_that_ignores_a_modality_has_a_level_curve():
    setup = build(config())
    with torch.no_grad():
        setup.network.head.weight[:, 64:128] = 0  # of b
    clean, found = found_of(setup)
    for kind in KINDS:
        assert all(torch.equal(one, clean.logits) for one in found[kind]["b"])
        assert not torch.equal(found[kind]["a"][-1], clean.logits)


def test_a_dropped_modality_has_no_features():
    setup = build(config())
    clean, found = found_of(setup)
    features = {**clean.features, "c": torch.zeros(33, 64)}
    with torch.no_grad():
        assert torch.allclose(found[DROPPED]["c"][-1], setup.network.fuse(features), atol=1e-6)


def test_a_model_of_missing_modalities_drops_one_as_it_was_trained_to(monkeypatch):
    def lacking(*given, **named):
        source = tiny_source(*given, **named)
        present = torch.ones(33, 3, dtype=torch.bool)
        present[::3, 1] = False
        test = MultimodalDataset(source.test.inputs, source.test.labels, None, present)
        modalities = {m: replace(one, missing=m == "b") for m, one in source.modalities.items()}
        return replace(source, test=test, modalities=modalities)

    monkeypatch.setattr(setups, "load", lacking)
    setup = build(config())
    with torch.no_grad():
        setup.network.absent["b"].fill_(2.0)
    clean, found = found_of(setup)
    inputs, _ = setup.source.test.take(torch.arange(33))
    without = inputs[PRESENT].clone()
    without[:, 1] = False
    with torch.no_grad():
        expected = setup.network({**inputs, PRESENT: without}).logits
    assert torch.allclose(found[DROPPED]["b"][-1], expected, atol=1e-6)
    # Of those that lack it nothing changes.
    for kind in KINDS:
        assert changed_rows(found[kind]["b"], clean.logits)[-1] == set(range(33)) - {
            *range(0, 33, 3)
        }


def test_shuffled_samples_have_the_modality_of_another_one():
    clean, found = found_of(build(config(method="alone:b")))
    whole = found[SHUFFLED]["b"][-1]
    other = torch.cdist(whole.double(), clean.logits.double()).argmin(1)
    assert torch.allclose(whole, clean.logits[other], atol=1e-6)
    assert sorted(other.tolist()) == list(range(33))
    assert not bool((other == torch.arange(33)).any())


def test_every_row_of_a_seed_sees_the_same_corrupted_samples():
    joint, unimodal, alone, other = (
        found_of(build(config(**changes)))
        for changes in ({}, {"method": "joint+unimodal"}, {"method": "alone:b"}, {"seed": 4})
    )
    for kind in KINDS:  # before training their weights are the same
        for m in "abc":
            assert torch.equal(joint[1][kind][m], unimodal[1][kind][m])
    for kind in (DROPPED, SHUFFLED):
        rows = changed_rows(joint[1][kind]["b"], joint[0].logits)
        assert rows == changed_rows(alone[1][kind]["b"], alone[0].logits)
        assert rows != changed_rows(other[1][kind]["b"], other[0].logits)


def test_a_run_keeps_its_curves_and_repeats_them(tmp_path):
    results = [train(config(epochs=1), tmp_path / name) for name in "xy"]
    assert results[0]["robustness"] == results[1]["robustness"]
    kept = results[0]["robustness"]
    assert kept["levels"] == list(LEVELS)
    clean = torch.from_numpy(read_arrays(tmp_path / "x")["test_logits"])
    labels = torch.from_numpy(read_arrays(tmp_path / "x")["test_labels"])
    found = read_stressed(tmp_path / "x", clean)
    for kind, own in found.predicted.items():
        for m, each in own.items():
            hits = [(one == labels).double().mean().item() for one in each]
            assert hits == kept["scores"][kind][m]


def test_of_a_modality_alone_logits_are_kept(tmp_path):
    setup = build(config(method="alone:b"))
    clean = predict(setup, setup.source.test)
    found = stressed(setup, setup.source.test, clean)
    write_stressed(tmp_path, found, classes=False)
    again = read_stressed(tmp_path, clean.logits)
    assert again.levels == found.levels
    for kind in KINDS:
        assert torch.equal(again.predicted[kind]["b"], found.predicted[kind]["b"])


def test_a_damaged_file_is_named(tmp_path):
    assert read_stressed(tmp_path, torch.zeros(3, 2)) is None
    (tmp_path / "robustness.npz").write_bytes(b"PK no archive")
    with pytest.raises(BalanceError, match=r"robustness.npz' is missing or damaged"):
        read_stressed(tmp_path, torch.zeros(3, 2))
    setup = build(config())
    clean = predict(setup, setup.source.test)
    write_stressed(tmp_path, stressed(setup, setup.source.test, clean), classes=True)
    with pytest.raises(BalanceError, match="not of the shape"):
        read_stressed(tmp_path, clean.logits[:-1])
