import pytest
import torch

from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError, methods
from equimodal.methods.composition import Composition
from equimodal.task import Regression

# A part whose setting makes it do nothing leaves what the other does, to the bit.
IDLE = {
    ("amss~relearn", "amss"): {"relearn.lam": 0.0},
    ("relearn~amss", "relearn"): {"amss.fraction": 1.0},
    ("dus~relearn", "dus"): {"relearn.lam": 0.0},
    ("dus~amss", "dus"): {"amss.fraction": 1.0},
    ("dus-rl~amss+~relearn", "dus-rl"): {
        "amss+.fraction": 1.0, "relearn.lam": 0.0, "dus-rl.hold": 1, "dus-rl.every": 2,
    },
}  # fmt: skip
ALL = tuple(dict.fromkeys(name for name, _ in IDLE))


@pytest.mark.parametrize(("name", "other"), IDLE)
def test_a_part_that_does_nothing_leaves_the_other_as_it_is_alone(name, other):
    together = trained(name, settings=IDLE[name, other])
    assert_same_weights(together.weights, trained(other).weights)


@pytest.mark.parametrize("name", ALL)
def test_every_part_decides_and_acts(name):
    training = trained(name)
    decided = {r["name"] for r in training.balancer.drain_records()}
    expected = {"amss": "fraction", "dus": "count", "relearn": "strength"}
    assert decided >= {record for part, record in expected.items() if part in name}
    assert training.balancer.acted
    assert not any(torch.equal(w, training_without(name)[n]) for n, w in training.weights.items()
                   if n.startswith("encoders") and n.endswith("weight"))  # fmt: skip


def training_without(name):
    """Weights of the first part alone."""
    return trained(name.split("~")[0]).weights


@pytest.mark.parametrize("name", ALL)
def test_a_stopped_composition_continues_to_the_same_bits(name):
    whole, first = trained(name), run(start(name, epochs=4), 2)
    second = start(name, epochs=4, weights=7, seed=5)
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.balancer.load_state_dict(first.balancer.state_dict())
    assert_same_weights(run(second, 2).weights, whole.weights)


def test_a_composition_needs_what_its_parts_need_and_draws_as_they_do():
    both = methods.create("dus~relearn", **{"dus.plug_in": True})
    assert both.needs == {"unimodal_logits", "features", "train_loader", "val_loader"}
    assert both.unpaired and both.per_forward and both.keeps_pairs
    assert both.objective == "fused+unimodal"
    assert not both.edits_gradients()
    masks = methods.create("amss~relearn")
    assert not (masks.unpaired or masks.per_forward or masks.keeps_pairs)
    assert masks.objective is None
    assert masks.edits_gradients()


def test_a_plug_in_composition_keeps_the_hosts_fused_loss():
    training = start("dus~amss", settings={"dus.plug_in": True})
    batch = next(iter(training.balancer.batches(training.data, batch_size=16)))
    assert {m: len(x) for m, x in batch[0].items()} == {"a": 32, "b": 32}
    run(training, 1)


def test_settings_carry_the_name_of_their_part():
    made = methods.create("amss~relearn", **{"amss.tau": 0.7, "relearn.lam": 5.0})
    assert (made.parts[0].tau, made.parts[1].lam) == (0.7, 5.0)
    assert methods.settings("amss~relearn")["relearn.lam"] == 3.0
    with pytest.raises(BalanceError, match=r"no setting 'tau': did you mean 'amss.tau'"):
        methods.create("amss~relearn", tau=0.7)


def test_a_composition_is_held_against_its_first_part():
    entry = methods.entry("dus~relearn")
    assert (entry.controls, entry.objective, entry.is_control) == (("dus",), "own", False)
    assert methods.entry("amss~relearn").objective == "any"


IMPOSSIBLE = {
    "amss~amss+": "AMSS and AMSS cannot be combined: both mask the same gradients",
    "dus~dus-rl": "DUS and DUSLearned cannot be combined: both decide the loss",
    "relearn~relearn-fixed": "DiagnoseRelearn is there twice",
    "joint~amss": "Joint changes nothing",
    "amss~joint+unimodal": "JointUnimodal is an objective.*--objective fused\\+unimodal",
    "amss~reelearn": "Unknown method 'reelearn': did you mean 'relearn'",
    "amss~": "Unknown method ''",
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_combination_is_refused_with_its_reason(name):
    with pytest.raises(BalanceError, match=IMPOSSIBLE[name]):
        methods.create(name)


def test_one_method_is_no_composition():
    with pytest.raises(BalanceError, match=r"two or more methods; found \['AMSS'\]"):
        Composition(methods.create("amss"))


def test_a_part_that_did_not_act_is_named():
    training = trained("amss~relearn", settings={"relearn.lam": 0.0})
    assert training.balancer.acted
    assert training.balancer.note == "DiagnoseRelearn did not act"


def test_a_task_that_one_part_cannot_serve_is_refused_by_its_name():
    reason = methods.create("relearn~amss", **{"relearn.strength": 0.5}).unsuited(Regression())
    assert reason.startswith("AMSS: its significance")
