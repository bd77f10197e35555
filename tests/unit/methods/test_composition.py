from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

from contract.training import assert_same_weights, quick, run, start, trained
from equimodal import BalanceError, Method, methods
from equimodal.balancing.task import Regression
from equimodal.methods.composition import Composition

# A part whose setting makes it do nothing leaves what the other does, to the bit.
IDLE = {
    ("amss~relearn", "amss"): {"relearn.lam": 0.0},
    ("relearn~amss", "relearn"): {"amss.fraction": 1.0},
    ("dus~relearn", "dus"): {"relearn.lam": 0.0},
    ("dus~amss", "dus"): {"amss.fraction": 1.0},
    ("amss~dus", "dus"): {"amss.fraction": 1.0},
    ("relearn~dus", "dus"): {"relearn.lam": 0.0},
    ("dus-rl~amss+~relearn", "dus-rl"): {"amss+.fraction": 1.0, "relearn.lam": 0.0},
}  # fmt: skip
ALL = tuple(dict.fromkeys(name for name, _ in IDLE))


@pytest.mark.parametrize(("name", "other"), IDLE)
def test_a_part_that_does_nothing_leaves_the_other_as_it_is_alone(name, other):
    together = trained(name, settings=quick(name) | IDLE[name, other])
    assert_same_weights(together.weights, trained(other).weights)


@pytest.mark.parametrize("name", ALL)
def test_every_part_decides_and_acts(name):
    training = trained(name)
    decided = {r["name"] for r in training.balancer.decisions.drain()}
    expected = {"amss": "fraction", "dus": "count", "relearn": "strength"}
    assert decided >= {record for part, record in expected.items() if part in name}
    assert training.balancer.setting.method.acted
    assert not any(torch.equal(w, training_without(name)[n]) for n, w in training.weights.items()
                   if n.startswith("encoders") and n.endswith("weight"))  # fmt: skip


def training_without(name):
    """Weights of the first part alone."""
    return trained(name.split("~")[0]).weights


@pytest.mark.parametrize(("one", "other"), [("amss~dus~relearn", "relearn~dus~amss")])
def test_the_order_of_the_names_changes_nothing_where_stages_differ(one, other):
    assert_same_weights(trained(one).weights, trained(other).weights)


FIRST = SimpleNamespace(epoch_index=0, total_epochs=None)


class Ending(Method):
    """Says that its epoch ended."""

    def __init__(self, heard):
        super().__init__()
        self.heard = heard

    def on_epoch_end(self, epoch):
        self.heard.append(type(self).__name__)


class Later(Ending):
    """Another of its kind."""


@pytest.mark.parametrize("kinds", [(Ending, Later), (Later, Ending)])
def test_epochs_end_in_the_order_of_the_parts(kinds):
    heard = []
    Composition(*(kind(heard) for kind in kinds)).on_epoch_end(FIRST)
    assert heard == [kind.__name__ for kind in kinds]


@pytest.mark.parametrize("name", ALL)
def test_a_stopped_composition_continues_to_the_same_bits(name):
    whole, first = trained(name), run(start(name, epochs=4), 2)
    second = start(name, epochs=4, weights=7, seed=5)
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.balancer.load_state_dict(first.balancer.state_dict())
    assert_same_weights(run(second, 2).weights, whole.weights)


@pytest.mark.parametrize("name", ["amss~relearn", "relearn~amss"])
def test_the_state_of_every_part_is_restored_whatever_its_place(name):
    settings = {"relearn.every": 1, "relearn.times": 1}
    first = trained(name, settings=settings)
    again = start(name, epochs=9, settings=settings)
    again.balancer.load_state_dict(first.balancer.state_dict())
    parts = (made.balancer.setting.method.parts for made in (again, first))
    for mine, its in zip(*parts, strict=True):
        assert mine.state.keys() == its.state.keys() != set()
    restored = next(p for p in again.balancer.setting.method.parts if "times" in p.state)
    assert restored.state == {"times": 1, "moved": True}
    run(again, 2)
    assert "strength" not in {r["name"] for r in again.balancer.decisions.drain()}


def test_a_checkpoint_fits_the_same_shares_as_a_list_or_a_tuple():
    made = start("amss~relearn", settings={"relearn.at": [0.5]}).balancer
    state = made.state_dict()
    start("amss~relearn", settings={"relearn.at": (0.5,)}).balancer.load_state_dict(state)


def test_a_composition_needs_what_its_parts_need_and_draws_as_they_do():
    both = methods.create("dus~relearn", **{"dus.plug_in": True})
    assert both.needs == {"unimodal_logits", "features", "train_loader", "val_loader", "epochs"}
    assert both.unpaired and both.per_forward and both.keeps_pairs
    assert both.objective == "fused+unimodal"
    assert not both.edits_gradients()
    masks = methods.create("amss~relearn")
    assert not (masks.unpaired or masks.per_forward or masks.keeps_pairs)
    assert masks.objective is None
    assert masks.edits_gradients()


def test_a_plug_in_composition_keeps_the_hosts_fused_loss():
    training = start("dus~amss", settings={"dus.plug_in": True})
    inputs, targets = next(iter(training.balancer.batches(training.data, batch_size=16)))
    assert {m: len(x) for m, x in inputs.items()} == {"a": 32, "b": 32}
    # The first 16 rows are a pair; of the others every modality has its own loss.
    output = training.model(inputs)
    pair, head = targets["a"][:16], training.model.head
    expected = cross_entropy(output.logits[:16], pair)
    for k, (m, features) in enumerate(zip("ab", output.features, strict=True)):
        own = features[16:] @ head.weight[:, 6 * k : 6 * k + 6].T + head.bias / 2
        expected = expected + cross_entropy(own, targets[m][16:])
    torch.testing.assert_close(training.balancer.loss(output, targets), expected)
    run(start("dus~amss", settings={"dus.plug_in": True}), 1)


def test_masks_follow_the_loss_of_unpaired_batches():
    # The losses and features in the significance of amss are of the rows that dus drew for each.
    training = start("dus~amss", settings={"amss.tau": 0.7})
    inputs, targets = next(iter(training.balancer.batches(training.data, batch_size=16)))
    output = training.model(inputs)
    training.balancer.loss(output, targets).backward()
    training.balancer.before_step()
    training.balancer.decisions.flush()
    records = {r["name"]: r["values"] for r in training.balancer.decisions.drain()}
    # Labels have one distribution, so that their entropy is taken over the rows of both.
    share = torch.bincount(torch.cat([targets["a"], targets["b"]])) / 32
    head, rho = training.model.head, []
    for k, (m, features) in enumerate(zip("ab", output.features, strict=True)):
        logits = features @ head.weight[:, 6 * k : 6 * k + 6].T + head.bias / 2
        information = -(share * share.log()).sum() - cross_entropy(logits, targets[m])
        spread = torch.softmax(features, 1)
        rho.append(information / -(spread * spread.log()).sum(1).mean())
    expected = 1 - torch.softmax(torch.stack(rho) / 0.7, 0)
    assert list(records["fraction"].values()) == pytest.approx(expected.tolist(), abs=1e-6)


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
    "amss~amss+": "AMSS and AMSS cannot be combined: both change the same gradients",
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


@pytest.mark.parametrize("part", [None, "relearn", methods.load("relearn")])
def test_a_part_that_is_no_method_is_refused(part):
    with pytest.raises(BalanceError, match=r"combines methods, such as AMSS\(\); found "):
        Composition(methods.create("amss"), part)


def test_a_method_is_not_there_twice_within_another_composition():
    with pytest.raises(BalanceError, match="DiagnoseRelearn is there twice"):
        Composition(methods.create("amss~relearn"), methods.create("relearn"))


def test_a_part_that_did_not_act_is_named():
    training = trained("amss~relearn", settings={"relearn.lam": 0.0})
    assert training.balancer.setting.method.acted
    assert training.balancer.setting.method.note == "DiagnoseRelearn did not act"


def test_a_task_that_one_part_cannot_serve_is_refused_by_its_name():
    script = {"relearn.strength": 0.5, "amss.significance": "nv"}
    reason = methods.create("relearn~amss", **script).unsuited(Regression())
    assert reason.startswith("AMSS: significance='nv'")


@pytest.mark.parametrize("other", ["dus", "modality-dropout", "bss", "mla"])
def test_rows_that_are_listed_go_with_nothing_that_chooses_rows_or_features(other):
    with pytest.raises(BalanceError, match="cannot be combined: both decide what a batch holds"):
        methods.create(f"smv~{other}")


def test_rows_that_are_listed_go_with_what_acts_on_gradients():
    both, alone = (trained(n, settings={}) for n in ("smv~ogm", "smv"))
    assert both.balancer.step_index > 24 and alone.balancer.step_index > 24
    assert any(not torch.equal(both.weights[n], w) for n, w in alone.weights.items())


def test_the_weight_of_the_unimodal_losses_is_that_of_the_part_that_brings_them():
    assert start("remix~ogm").balancer.setting.unimodal_weight == 0.5
    weighted = start("bss~ogm", settings={"bss.unimodal_weight": 9.0}).balancer.setting
    assert (weighted.objective, weighted.unimodal_weight) == ("fused+unimodal", 9.0)
