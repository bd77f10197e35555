"""Recording inside a loop: what is recorded, when, and that training stays as it was."""

import json
import logging

import pytest
import torch

from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError, Balancer, Joint
from equimodal.balancing.recorder import MOST, Recorder, thinned
from equimodal.diagnosis import diagnose_recording
from equimodal.diagnosis.recorded import collapsed, training_summary

NAMES = {"score", "conflict", "gradient_norm", "gradient_share"}


def rows_of(training, name):
    return [r for r in training.balancer.diagnosis.drain() if r["name"] == name]


@pytest.mark.parametrize("name", ["joint", "amss", "dus", "joint+unimodal"])
def test_recording_changes_no_weight(name):
    plain, watched = trained(name, epochs=2), trained(name, epochs=2, diagnose=1)
    assert_same_weights(plain.weights, watched.weights)
    assert plain.balancer.decisions.drain() == watched.balancer.decisions.drain()
    assert plain.balancer.diagnosis.drain() == []


def test_the_first_of_every_so_many_updates_is_recorded():
    rows = trained("joint", epochs=2, diagnose=4).balancer.diagnosis.drain()
    assert {r["name"] for r in rows} == NAMES
    assert [(r["step"], r["epoch"]) for r in rows if r["name"] == "score"] == [
        (0, 0),
        (4, 0),
        (8, 1),
    ]
    assert all(list(r["values"]) == ["a", "b"] for r in rows)


def test_norms_shares_scores_and_conflicts_are_those_of_a_slow_loop():
    training = start("joint", diagnose=1)
    net, balancer = training.model, training.balancer
    inputs, labels = training.data.inputs, training.data.labels
    output = net(inputs)
    balancer.loss(output, labels).backward()
    expected = slow(net, output, labels)
    balancer.before_step()
    balancer.epoch_end()
    found = {r["name"]: list(r["values"].values()) for r in balancer.diagnosis.drain()}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-5), name


@torch.no_grad()
def slow(net, output, labels):
    """The four measures of one batch, sample by sample."""
    width = net.head.weight.shape[1] // 2
    parts = [
        f @ net.head.weight[:, i * width : (i + 1) * width].T + net.head.bias / 2
        for i, f in enumerate(output.features)
    ]
    truth = torch.nn.functional.one_hot(labels, 3).double()
    fused = (output.logits.softmax(1) - truth).flatten()
    own = [(p.softmax(1) - truth).flatten() for p in parts]
    norms = [
        sum(float((p.grad**2).sum()) for p in net.encoders[m].parameters()) ** 0.5 for m in "ab"
    ]
    return {
        "score": [
            sum(float(p[i].softmax(0)[y]) for i, y in enumerate(labels)) / len(labels)
            for p in parts
        ],
        "conflict": [float(fused @ o / (fused.norm() * o.norm())) for o in own],
        "gradient_norm": norms,
        "gradient_share": [n / sum(norms) for n in norms],
    }


def test_the_gradient_is_recorded_before_the_method_masks_it():
    joint, masked = (
        trained("joint", epochs=1, diagnose=100),
        trained("amss", epochs=1, diagnose=100),
    )
    assert rows_of(joint, "gradient_norm") == rows_of(masked, "gradient_norm")


def test_accumulated_micro_batches_are_one_update():
    whole = trained("joint", epochs=1, diagnose=2)
    parts = trained("joint", epochs=1, diagnose=2, parts=2)
    ours, theirs = rows_of(whole, "gradient_norm"), rows_of(parts, "gradient_norm")
    assert [r["step"] for r in ours] == [r["step"] for r in theirs] == [0, 2, 4]
    for one, other in zip(ours, theirs, strict=True):
        assert one["values"] == pytest.approx(other["values"], rel=1e-6)


def test_unpaired_batches_have_scores_and_no_conflict():
    names = {r["name"] for r in trained("dus", epochs=1, diagnose=1).balancer.diagnosis.drain()}
    assert names == NAMES - {"conflict"}


def test_without_a_readout_gradients_alone_are_recorded():
    training = start("joint")
    training.balancer.detach()
    encoders = {m: f"encoders.{m}" for m in "ab"}
    training.balancer = Balancer(training.model, Joint(), encoders, diagnose=1)
    run(training, 1)
    names = {r["name"] for r in training.balancer.diagnosis.drain()}
    assert names == {"gradient_norm", "gradient_share"}


def test_the_log_hears_what_was_recorded():
    heard = {}
    trained("joint", epochs=1, diagnose=100, log=lambda values, step: heard.update({step: values}))
    assert set(heard) == {0}
    assert {key.split("/")[2] for key in heard[0]} == NAMES
    assert "balance/diagnosis/gradient_share/a" in heard[0]


@pytest.mark.parametrize("every", [0, -1, 2.5, "often"])
def test_an_interval_that_is_no_whole_number_is_refused(every):
    with pytest.raises(BalanceError, match="diagnose must be a whole number >= 1"):
        start("joint", diagnose=every)


# -- the file -----------------------------------------------------------------------------------


def test_what_is_saved_is_read_and_summed_up(tmp_path):
    trained("joint", epochs=2, diagnose=1).balancer.diagnosis.save(tmp_path / "it.json")
    found = diagnose_recording(tmp_path / "it.json")
    assert found["source"]["kind"] == "recording"
    assert found["source"]["updates"] == 12
    assert found["source"]["readout"] == "LinearSplit"
    assert found["verdict"]["state"] is None
    shares = found["measures"]["training"]["gradient_share"]
    assert shares["a"]["mean"] + shares["b"]["mean"] == pytest.approx(1)
    assert "verdict: not possible from records alone" in str(found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_training_that_goes_on_continues_its_file(tmp_path):
    path, training = tmp_path / "it.json", start("joint", diagnose=2)
    run(training, 1).balancer.diagnosis.save(path)
    later = start("joint", diagnose=2)
    later.balancer.load_state_dict(training.balancer.state_dict())
    run(later, 1).balancer.diagnosis.save(path)
    later.balancer.diagnosis.save(path)
    steps = [r["step"] for r in json.loads(path.read_text())["records"] if r["name"] == "score"]
    assert steps == [0, 2, 4, 6, 8, 10]


def test_nothing_recorded_and_another_training_are_refused(tmp_path):
    path = tmp_path / "it.json"
    with pytest.raises(BalanceError, match=r"diagnose=10.*epoch_end"):
        trained("joint", epochs=1).balancer.diagnosis.save(path)
    trained("joint", epochs=1, diagnose=1).balancer.diagnosis.save(path)
    other = trained("joint", epochs=1, diagnose=1, kinds=("linear", "gru", "linear")).balancer
    with pytest.raises(BalanceError, match="training of a, b; choose another file"):
        other.diagnosis.save(path)


def test_many_moments_are_thinned_to_every_second():
    rows = [{"step": s, "name": n} for s in range(0, 50, 10) for n in ("x", "y")]
    assert [r["step"] for r in thinned(rows)] == [0, 0, 20, 20, 40, 40]
    assert MOST >= 1000


# -- collapse -----------------------------------------------------------------------------------


def recorder():
    return Recorder(1, start("joint").balancer.setting.modalities, None, trained=False)


def feed(watch, shares):
    for step, share in shares:
        watch._rows.append(
            {
                "step": step,
                "epoch": 0,
                "name": "gradient_share",
                "values": {"a": share, "b": 1 - share},
            }
        )
    watch.flush()


def test_a_share_that_collapses_is_logged_once_in_one_line(caplog):
    watch = recorder()
    with caplog.at_level(logging.WARNING, logger="equimodal"):
        feed(watch, [(s, 0.4) for s in range(15)])
        assert caplog.messages == []
        feed(watch, [(s, 0.01) for s in range(15, 25)])
        feed(watch, [(s, 0.01) for s in range(25, 30)])
    (message,) = caplog.messages
    assert message.startswith("a: its share of the gradient fell from 40 to 1 percent")
    assert "\n" not in message


def test_a_share_that_stays_or_is_short_is_not_logged(caplog):
    with caplog.at_level(logging.WARNING, logger="equimodal"):
        feed(recorder(), [(s, 0.4 if s < 10 else 0.1) for s in range(40)])
        feed(recorder(), [(s, 0.4 if s < 5 else 0.0) for s in range(19)])
    assert caplog.messages == []


def test_a_share_that_falls_because_the_modality_has_converged_is_not_logged(caplog):
    watch = recorder()
    for step in range(30):
        scores = {"a": 0.9, "b": 0.95}
        watch._rows.append({"step": step, "epoch": 0, "name": "score", "values": scores})
    with caplog.at_level(logging.WARNING, logger="equimodal"):
        feed(watch, [(s, 0.4 if s < 10 else 0.01) for s in range(30)])
        assert caplog.messages == []
        for step in range(30, 35):
            scores = {"a": 0.2, "b": 0.95}
            watch._rows.append({"step": step, "epoch": 0, "name": "score", "values": scores})
        feed(watch, [(s, 0.01) for s in range(30, 35)])
    assert len(caplog.messages) == 1


def test_the_summary_holds_the_first_and_the_last_tenth():
    rows = [
        {"step": s, "name": "gradient_share", "values": {"a": s / 100, "b": None}}
        for s in range(20)
    ]
    found = training_summary(rows)["gradient_share"]
    assert found["a"] == pytest.approx({"mean": 0.095, "first": 0.005, "last": 0.185})
    assert found["b"] == {"mean": None, "first": None, "last": None}


def test_collapsed_names_those_whose_share_fell_to_a_fifth():
    def share(first, last):
        return {"mean": 0.3, "first": first, "last": last}

    shares = {
        "a": share(0.5, 0.09),
        "b": share(0.5, 0.11),
        "c": share(0.0, 0.0),
        "d": share(0.5, None),
    }
    assert collapsed({"gradient_share": shares}) == ["a"]
    scores = {m: share(0.1, last) for m, last in {"a": 0.6, "b": 1.0, "c": 1.0, "d": 1.0}.items()}
    assert collapsed({"gradient_share": shares, "score": scores}) == []
    scores["a"] = share(0.1, 0.4)
    assert collapsed({"gradient_share": shares, "score": scores}) == ["a"]
    assert collapsed({}) == []
