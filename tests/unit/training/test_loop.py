import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import methods
from equimodal.balancing.batches import epoch_batches
from equimodal.data.dataset import MultimodalDataset
from equimodal.errors import BalanceError
from equimodal.models.fusion import build_model
from equimodal.storage.files import load_checkpoint, read_json
from equimodal.training.loop import train
from equimodal.training.setup import build
from products import by_class
from unit.training.tiny import CONFIG, WIDTHS, config, tiny_source

pytestmark = pytest.mark.usefixtures("tiny")

TIMES = ("seconds", "step_seconds", "samples_per_second", "waiting_share")
ROWS = ("alone:b", "joint:half-lr", *by_class())


class Killed(BaseException):
    """Stands for a signal: nothing in the loop may catch it."""


def kill_after(epoch):
    def notify(finished, accuracy):
        if finished == epoch:
            raise Killed

    return notify


def without_times(result):
    return {key: value for key, value in result.items() if key not in TIMES}


def assert_same_run(one, other):
    assert without_times(read_json(one / "result.json")) == without_times(
        read_json(other / "result.json")
    )
    assert read_json(one / "records.json") == read_json(other / "records.json")
    for name, array in np.load(one / "predictions.npz").items():
        assert np.array_equal(array, np.load(other / "predictions.npz")[name]), name
    assert_same_weights(one, other)


def assert_same_weights(one, other):
    weights = load_checkpoint(one / "checkpoint.pt")["model"]
    others = load_checkpoint(other / "checkpoint.pt")["model"]
    for name, value in weights.items():
        assert torch.equal(value, others[name]), name


def taught_by(row, folder):
    """Folders of the rows that a method learns from, trained; nothing for others."""
    if not methods.known(row) or not methods.entry(row).depends:
        return {}
    for m in WIDTHS:
        train(config(method=f"alone:{m}"), folder / f"alone-{m}")
    return {m: f"../alone-{m}" for m in WIDTHS}


@pytest.mark.parametrize("row", ROWS)
def test_a_run_that_is_stopped_twice_ends_with_the_same_bits(row, tmp_path):
    run = config(method=row, teachers=taught_by(row, tmp_path))
    train(run, tmp_path / "whole")
    for epoch in (1, 3):
        with pytest.raises(Killed):
            train(run, tmp_path / "stopped", notify=kill_after(epoch))
    train(run, tmp_path / "stopped")
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_adaptive_optimizers_continue_with_the_same_bits(optimizer, tmp_path):
    run = config(optimizer=optimizer, lr=0.01)
    train(run, tmp_path / "whole")
    with pytest.raises(Killed):
        train(run, tmp_path / "stopped", notify=kill_after(2))
    train(run, tmp_path / "stopped")
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_joint_equals_a_plain_loop_bit_for_bit(tmp_path):
    run = config(epochs=2)
    train(run, tmp_path)
    source = tiny_source(seed=run.seed)
    model = build_model(source.modalities, 3, seed=run.seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    steps = math.ceil(72 / 16)
    for epoch in range(2):
        batches = epoch_batches(source.train, 16, seed=run.seed, epoch=epoch)
        for step, (inputs, labels) in enumerate(batches):
            share = (epoch + step / steps) / 2
            optimizer.param_groups[0]["lr"] = 0.05 * 0.5 * (1 + math.cos(math.pi * share))
            cross_entropy(model(inputs).logits, labels).backward()
            optimizer.step()
            optimizer.zero_grad()
    trained = load_checkpoint(tmp_path / "checkpoint.pt")["model"]
    for name, value in model.state_dict().items():
        assert torch.equal(value, trained[name]), name


def test_the_result_has_every_field_and_plain_values(tmp_path):
    result = train(config(), tmp_path)
    assert json.loads(json.dumps(result)) == result == read_json(tmp_path / "result.json")
    assert list(result["test"]) == list(result["validation"])
    assert list(result["test"]["modality_accuracy"]) == ["a", "b", "c"]
    assert list(result["test"]["probe_accuracy"]) == ["a", "b", "c"]
    assert (result["status"], result["acted"], result["epochs"]) == ("finished", True, 4)
    assert result["step_seconds"] > 0 and result["samples_per_second"] > 0
    assert 0 < result["waiting_share"] < 1


def test_predictions_and_curves_agree_with_the_result(tmp_path):
    result = train(config(), tmp_path)
    saved = np.load(tmp_path / "predictions.npz")
    hits = saved["test_logits"].argmax(1) == saved["test_labels"]
    assert hits.mean() == result["test"]["accuracy"]
    assert list(saved["validation_indices"]) == list(range(30))
    curves = read_json(tmp_path / "records.json")["curves"]
    assert [curve["epoch"] for curve in curves] == [0, 1, 2, 3]
    selected = curves[result["best_epoch"]]
    assert selected["validation_accuracy"] == result["validation"]["accuracy"]
    assert selected["modality_accuracy"] == result["validation"]["modality_accuracy"]
    assert max(c["validation_accuracy"] for c in curves) == selected["validation_accuracy"]


@pytest.mark.parametrize("row", ["joint", "joint+unimodal", "dus"])
def test_every_epoch_keeps_the_fused_loss_after_it_whatever_the_rows_own_loss(row, tmp_path):
    run = config(method=row)
    result = train(run, tmp_path)
    losses = [curve["fused_loss"] for curve in read_json(tmp_path / "records.json")["curves"]]
    setup = build(run)
    setup.network.load_state_dict(load_checkpoint(tmp_path / "checkpoint.pt")["model"])
    inputs, labels = setup.source.train.take(torch.arange(72))
    with torch.no_grad():
        expected = cross_entropy(setup.network(inputs).logits, labels)
    assert losses[-1] == pytest.approx(float(expected), rel=1e-5)
    assert losses[0] > losses[-1]
    assert result["converged_epoch"] is None


def test_the_epoch_of_convergence_is_in_the_result_of_rows_that_train_a_fused_model(tmp_path):
    run = config(method="joint", epochs=30)
    result = train(run, tmp_path / "joint")
    curves = read_json(tmp_path / "joint" / "records.json")["curves"]
    epoch = result["converged_epoch"]
    assert curves[epoch]["fused_loss"] < 0.1
    assert all(curve["fused_loss"] >= 0.1 for curve in curves[:epoch])
    for row, rate in (("alone:a", 0.05), ("untrained", None)):
        assert "converged_epoch" not in train(config(method=row, lr=rate), tmp_path / row[:5])


def test_decisions_of_the_method_are_kept(tmp_path):
    train(config(method="amss"), tmp_path)
    decisions = read_json(tmp_path / "records.json")["decisions"]
    fractions = [d for d in decisions if d["name"] == "fraction"]
    assert len(fractions) == 4 * math.ceil(72 / 16)
    assert set(fractions[0]["values"]) == {"a", "b", "c"}


def test_a_finished_run_is_used_again_as_it_is(tmp_path):
    first = train(config(), tmp_path)
    assert train(config(), tmp_path, notify=kill_after(1)) == first


def test_the_folder_of_another_run_is_refused_by_what_differs(tmp_path):
    train(config(epochs=1), tmp_path)
    with pytest.raises(BalanceError, match=r"other values of lr, epochs: found \[0.05, 1\]"):
        train(config(lr=0.5, epochs=2), tmp_path)


def test_a_truncated_checkpoint_stops_the_run_and_is_named(tmp_path):
    with pytest.raises(Killed):
        train(config(), tmp_path, notify=kill_after(1))
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BalanceError, match=r"checkpoint\.pt' is damaged or incomplete"):
        train(config(), tmp_path)


@pytest.mark.parametrize("row", ["joint", "alone:a", "amss"])
def test_a_diverged_run_says_where_and_what_to_change(row, tmp_path):
    result = train(config(method=row, lr=1e30), tmp_path)
    assert result["status"] == "diverged"
    assert result["test"] is result["validation"] is None
    assert f"epoch 0 ({row}, seed 3, lr 1e+30)" in result["message"]
    assert "--lr 1e+29" in result["message"]
    assert not (tmp_path / "predictions.npz").exists()


def test_the_untrained_row_is_the_model_before_the_first_step(tmp_path):
    run = config(method="untrained", lr=None)
    result = train(run, tmp_path)
    assert (result["epochs"], result["best_epoch"], result["step_seconds"]) == (0, None, None)
    network = build(run).network
    inputs, _ = tiny_source(seed=3).test.take(torch.arange(33))
    with torch.inference_mode():
        expected = network(inputs).logits
    saved = np.load(tmp_path / "predictions.npz")["test_logits"]
    assert np.allclose(saved, expected, rtol=0, atol=1e-6)
    assert set(result["test"]["probe_accuracy"]) == {"a", "b", "c"}


def test_an_encoder_alone_starts_where_it_starts_in_the_joint_model():
    joint, alone = build(config()), build(config(method="alone:b"))
    mine = alone.network.get_submodule("encoders.b").state_dict()
    for name, value in joint.network.get_submodule("encoders.b").state_dict().items():
        assert torch.equal(value, mine[name])
    assert list(alone.source.modalities) == ["b"]


def test_one_modality_alone_has_its_own_measures(tmp_path):
    result = train(config(method="alone:c", epochs=1), tmp_path)
    assert result["test"]["modality_accuracy"] == {"c": result["test"]["accuracy"]}
    assert list(result["test"]["probe_accuracy"]) == ["c"]
    assert result["objective"] == "own"


def test_an_update_mask_is_the_balancers_setting():
    assert build(config(method="amss", settings={"on": "update"})).balancer.setting.on == "update"
    assert build(config(method="amss")).balancer.setting.on == "gradient"


def test_the_global_random_stream_does_not_matter(tmp_path):
    torch.manual_seed(1)
    train(config(method="amss+"), tmp_path / "one")
    torch.manual_seed(2)
    train(config(method="amss+"), tmp_path / "other")
    assert_same_run(tmp_path / "one", tmp_path / "other")


def test_another_seed_is_another_run(tmp_path):
    one = train(CONFIG, tmp_path / "one")
    other = train(replace(CONFIG, seed=4), tmp_path / "other")
    assert one["test"] != other["test"]


@pytest.mark.parametrize("row", ["joint", "alone:b"])
def test_the_groups_of_the_samples_are_kept_with_the_predictions(row, monkeypatch, tmp_path):
    groups = torch.arange(33) // 4

    def with_groups(*arguments, **settings):
        source = tiny_source(*arguments, **settings)
        test = MultimodalDataset(source.test.inputs, source.test.labels, groups)
        return replace(source, test=test)

    monkeypatch.setattr("equimodal.training.setup.load", with_groups)
    train(config(method=row, epochs=1), tmp_path)
    saved = np.load(tmp_path / "predictions.npz")
    assert np.array_equal(saved["test_groups"], groups)
    assert "validation_groups" not in saved


@pytest.mark.parametrize("trouble", ["missing", "diverged"])
def test_a_run_whose_teachers_are_not_there_says_whose_they_are(trouble, tmp_path):
    teachers = taught_by("umt", tmp_path)
    result = tmp_path / "alone-b" / "result.json"
    if trouble == "missing":
        result.unlink()
        words = r"umt learns from the row 'alone:b' of seed 3, which was not trained to its end"
    else:
        found = read_json(result) | {"status": "diverged", "message": "a loss is not finite"}
        result.write_text(json.dumps(found))
        words = r"'alone:b' of seed 3, which did not finish: a loss is not finite"
    with pytest.raises(BalanceError, match=words):
        train(config(method="umt", teachers=teachers), tmp_path / "umt")


def test_teachers_are_the_selected_weights_of_the_rows_alone(tmp_path):
    teachers = taught_by("g2d", tmp_path)
    run = config(method="g2d", teachers=teachers)
    found = build(run, folder=tmp_path / "g2d").balancer.setting.modalities.teachers
    for m in WIDTHS:
        best = load_checkpoint(tmp_path / f"alone-{m}" / "checkpoint.pt")["best"]
        x = tiny_source().validation.inputs[m]
        network = build_model(
            {m: tiny_source().modalities[m]}, 3, seed=run.seed, fusion="concat"
        )  # fmt: skip
        network.load_state_dict(best)
        features = network.encoders[m](x)
        teacher = found._of[m]
        assert torch.equal(teacher.encoder(x), features)
        assert torch.equal(teacher.head(features), network.head({m: features}))
