"""A method acts in a share of the planned epochs; outside it the base objective is trained."""

import pytest
import torch

from contract.training import assert_same_weights, start, trained
from equimodal import BalanceError, Balancer, LinearSplit, methods
from equimodal.balancing.windows import Window
from unit.two_encoders import Net

WINDOWED = [n for n in methods.names() if methods.window_settings(n)]


def epochs(window, total):
    return [e for e in range(total) if window.holds(e, total)]


@pytest.mark.parametrize(
    ("given", "total", "held"),
    [
        ({}, 4, [0, 1, 2, 3]),
        ({"end": 0.5}, 10, [0, 1, 2, 3, 4]),
        ({"start": 0.7}, 10, [7, 8, 9]),
        ({"end": 0.7}, 10, [0, 1, 2, 3, 4, 5, 6]),
        ({"start": 0.1, "end": 0.3}, 30, [3, 4, 5, 6, 7, 8]),
        ({"end": 0.5}, 5, [0, 1, 2]),
        ({"warm_up": 0.4}, 5, [2, 3, 4]),
        ({"warm_up": 0.2, "start": 0.6}, 5, [3, 4]),
    ],
)
def test_an_epoch_belongs_where_it_begins(given, total, held):
    window = Window(**given)
    assert epochs(window, total) == held
    warm = [e for e in range(total) if window.warms_up(e, total)]
    assert warm == list(range(round(given.get("warm_up", 0) * total)))


def test_a_method_without_an_end_acts_beyond_the_plan_too():
    assert Window(start=0.5).holds(9, 4)
    assert not Window(end=0.5).holds(9, 4)
    assert Window().holds(9, None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"start": 1.5}, "start, a share of the training, must be a number"),
        ({"end": "half"}, "end, a share of the training, must be a number"),
        ({"start": 0.5, "end": 0.5}, "start and warm_up must be below end; found"),
        ({"warm_up": 1.0}, "start and warm_up must be below end; found"),
    ],
)
def test_a_window_that_is_none_is_refused(given, words):
    with pytest.raises(BalanceError, match=words):
        methods.create("ogm", **given)


def test_a_baseline_has_no_window():
    assert methods.window_settings("joint") == methods.window_settings("joint+unimodal") == {}
    with pytest.raises(BalanceError, match="joint has no setting 'end'"):
        methods.create("joint", end=0.5)


def test_an_argument_of_that_name_stays_the_methods_own():
    assert methods.window_settings("dus") == {"start": 0.0, "end": 1.0}
    assert methods.create("dus", warm_up=3).warm_up == 3


def test_the_planned_epochs_must_be_known():
    net = Net()
    balancer = Balancer(net, methods.create("ogm", end=0.5), {"a": "a", "b": "b"},
                        LinearSplit("head"))  # fmt: skip
    with pytest.raises(BalanceError, match=r"acts at shares.*pass epochs=\.\.\. to Balancer"):
        balancer.loss(net(torch.randn(4, 3), torch.randn(4, 5)), torch.tensor([0, 1, 0, 1]))


def base(name, **options):
    """The objective of a method alone, at its own weight."""
    method = methods.create(name)
    if method.unimodal_weight is not None:
        options["unimodal_weight"] = method.unimodal_weight
    return trained("joint", objective=method.objective or "fused", **options)


@pytest.mark.parametrize("name", WINDOWED)
def test_before_its_window_a_method_is_its_own_base_objective(name):
    settings = {**methods.entry(name).quick, "start": 0.75}
    if methods.settings(name).get("warm_start"):
        with pytest.raises(BalanceError, match="warm_start acts before the first epoch"):
            start(name, epochs=2, settings=settings)
        return
    late, plain = trained(name, epochs=2, settings=settings), base(name, epochs=2).weights
    assert_same_weights({n: late.weights[n] for n in plain}, plain)
    assert not late.balancer.decisions.drain()


def test_a_window_that_ends_leaves_the_rest_to_the_base_objective():
    early = trained("ogm", epochs=4, settings={"end": 0.5})
    steps = {r["step"] for r in early.balancer.decisions.drain()}
    assert steps == set(range(12))
    assert early.balancer.setting.method.config()["end"] == 0.5


def test_the_warm_up_trains_another_loss():
    warm = trained("arl", epochs=2, settings={"gamma": 4.0, "warm_up": 0.75})
    assert_same_weights(warm.weights, base("arl", epochs=2).weights)


def test_a_part_of_a_combination_has_its_own_window():
    both = methods.create("amss~relearn", **{"amss.end": 0.5, "relearn.every": 1})
    assert [p.window.end for p in both.parts] == [0.5, 1.0]
    assert "epochs" in both.needs


def test_another_window_is_another_training():
    state = start("ogm", settings={"end": 0.5}).balancer.state_dict()
    with pytest.raises(BalanceError, match="written with config"):
        start("ogm").balancer.load_state_dict(state)
