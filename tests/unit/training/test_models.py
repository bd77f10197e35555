"""Every row of a comparison trains with every fusion, and with encoders of one's own choice."""

import json

import pytest
import torch

from equimodal.models import FUSIONS
from equimodal.models.fusion import build_model
from equimodal.training.evaluation import predict
from equimodal.training.loop import train
from equimodal.training.setup import build
from unit.training.tiny import config, tiny_source

pytestmark = pytest.mark.usefixtures("tiny")
ROWS = ("joint", "joint+unimodal", "amss", "amss+", "dus", "relearn", "amss~relearn")
OTHERS = [name for name in FUSIONS if name != "concat"]


# Methods see a fusion through its readout: all of them under one that runs the head again, and
# under the others what reads most of it, with and without pairs.
PAIRS = [
    *[(method, "film") for method in ROWS],
    *[("joint+unimodal", "sum"), ("dus", "sum"), ("joint+unimodal", "gated"), ("dus", "attention")],
]


@pytest.mark.parametrize(("method", "fusion"), PAIRS)
def test_methods_train_with_every_fusion(method, fusion, tmp_path):
    settings = {"every": 1} if method == "relearn" else {}
    run = config(method=method, fusion=fusion, epochs=1, batch_size=36, settings=settings)
    result = train(run, tmp_path)
    assert result["status"] == "finished"
    assert list(result["test"]["modality_accuracy"]) == ["a", "b", "c"]
    assert all(0 <= value <= 1 for value in result["test"]["modality_accuracy"].values())


@pytest.mark.parametrize("fusion", OTHERS)
@torch.inference_mode()
def test_a_modalitys_own_logits_are_the_heads_with_the_others_at_zero(fusion):
    setup = build(config(fusion=fusion))
    found = predict(setup, setup.source.test)
    head, features = setup.network.head, found.features
    for m in "abc":
        alone = {n: f if n == m else torch.zeros_like(f) for n, f in features.items()}
        bias = {n: torch.zeros_like(f) for n, f in features.items()}
        expected = head(alone)
        if fusion == "sum":  # its parts are exact, so that the others' biases are not in them
            expected = expected - head(bias) + head.layers[m].bias
        if fusion == "shared":  # that layer's, with its whole bias
            expected = head.layer(features[m])
        if fusion == "mmtm":  # its branch's, whose gates read the others
            branches = head.branches(torch.cat(list(features.values()), 1))
            expected = branches["abc".index(m)]
        torch.testing.assert_close(found.unimodal_logits[m], expected)


def test_a_modality_alone_and_the_untrained_row_work_with_any_model(tmp_path):
    model = {"fusion": "attention", "encoders": {"a": "mlp", "b": "mlp"}}
    alone = train(config(method="alone:b", epochs=1, **model), tmp_path / "alone")
    untrained = train(config(method="untrained", lr=None, **model), tmp_path / "untrained")
    assert list(alone["test"]["modality_accuracy"]) == ["b"]
    assert list(untrained["test"]["modality_accuracy"]) == ["a", "b", "c"]


def test_a_stopped_run_of_another_model_continues_and_its_folder_names_the_model(tmp_path):
    class Killed(Exception):
        pass

    def kill(epochs, accuracy):
        if epochs == 1:
            raise Killed

    run = config(method="amss", fusion="film", encoders={"a": "mlp"}, epochs=2)
    whole = train(run, tmp_path / "whole")
    with pytest.raises(Killed):
        train(run, tmp_path / "stopped", notify=kill)
    assert train(run, tmp_path / "stopped")["test"] == whole["test"]
    written = json.loads((tmp_path / "whole" / "config.json").read_text())
    assert (written["fusion"], written["encoders"]) == ("film", {"a": "mlp"})


def test_the_chosen_encoders_are_those_that_are_trained():
    source = tiny_source(seed=3)
    expected = build_model(source.modalities, 3, seed=3, encoders={"a": "mlp"}, fusion="gated")
    setup = build(config(encoders={"a": "mlp"}, fusion="gated"))
    state = setup.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in expected.state_dict().items())
