"""Arguments of methods and of their functions: in effect, or refused by name."""

import importlib.util
import logging
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equimodal import (
    AMSS,
    DUS,
    BalanceError,
    Balancer,
    DiagnoseRelearn,
    DUSLearned,
    LinearSplit,
    methods,
)
from equimodal import functional as F
from places import ROOT
from unit.two_encoders import Net

LABELS = torch.tensor([0, 1, 0, 1, 1, 0])


def balanced(method, net=None, **options):
    return Balancer(net or Net(), method, {"a": "a", "b": "b"}, LinearSplit("head"), **options)


def step(balancer):
    net = balancer.setting.modalities.model
    balancer.loss(net(torch.randn(6, 3), torch.randn(6, 5)), LABELS).backward()
    balancer.before_step()
    net.zero_grad()


IDLE = [
    (AMSS, {"mask": "none", "importance": "uniform"}, "importance"),
    (AMSS, {"bias": 0.2}, "bias"),
    (AMSS, {"bias": 0.2, "weighting": "unbiased"}, "bias"),
    (AMSS, {"cap": 5.0}, "cap"),
    (AMSS, {"cap": 5.0, "weighting": "official"}, "cap"),
    (AMSS, {"fraction": "fixed", "tau": 0.5}, "tau"),
    (AMSS, {"fraction": 0.5, "significance": "av"}, "significance"),
    (AMSS, {"fraction": 0.5, "direction": "strong"}, "direction"),
    (AMSS, {"fraction": 0.5, "clamp": [0.2, 0.8]}, "clamp"),
    (DUS, {"rule": "uniform", "gamma": 2.0}, "gamma"),
    (DUS, {"rule": "shrink", "gamma": 2.0}, "gamma"),
    (DiagnoseRelearn, {"times": 2}, "times"),
    (DiagnoseRelearn, {"every": 2, "at": (0.5,)}, "at"),
    (DiagnoseRelearn, {"strength": 0.5, "lam": 2.0}, "lam"),
    (DiagnoseRelearn, {"strength": 0.5, "match_sizes": True}, "match_sizes"),
]


@pytest.mark.parametrize(("kind", "given", "name"), IDLE)
def test_an_argument_without_effect_is_refused_by_its_name(kind, given, name):
    with pytest.raises(BalanceError, match=f"{kind.__name__} {name} has no effect"):
        kind(**given)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (AMSS, {"weighting": "official", "bias": 0.2}), (AMSS, {"cap": None}),
        (AMSS, {"clamp": [0.1, 0.9], "fraction": 0.5}),
        (AMSS, {"weighting": "unbiased", "cap": 5.0}),
        (AMSS, {"mask": "none", "smoothing": 0.0}), (DUS, {"rule": "tanh", "gamma": 2.0}),
        (DiagnoseRelearn, {"every": 2, "times": 1}), (DiagnoseRelearn, {"strength": 0.5}),
    ],
)  # fmt: skip
def test_an_argument_with_an_effect_is_taken(kind, given):
    assert kind(**given).config().items() >= given.items()


FLAGS = [
    (DUS, "plug_in"), (DUS, "reset_each_epoch"), (DUSLearned, "plug_in"),
    (DUSLearned, "reset_each_epoch"), (DiagnoseRelearn, "match_sizes"),
    (DiagnoseRelearn, "include_norm"), (DiagnoseRelearn, "reset_momentum"),
    (DiagnoseRelearn, "reset_bn_stats"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), FLAGS)
@pytest.mark.parametrize("value", ["yes", "no", 1, None])
def test_a_flag_is_true_or_false(kind, name, value):
    with pytest.raises(BalanceError, match=f"{name} must be true or false"):
        kind(**{name: value})


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=5),
    st.lists(st.floats(0, 1), max_size=3), st.just({}), st.just(torch.ones(2)),
    st.just(torch.tensor(0.5)), st.just(object()), st.just(int),
    st.sampled_from(["none", "fixed", "uniform", "official", "unbiased", "av", "strong", "("]),
)  # fmt: skip


@given(st.sampled_from(methods.names()), st.data())
def test_whatever_a_method_is_given_it_trains_or_says_what_is_wrong(name, data):
    known = methods.settings(name)
    chosen = data.draw(st.lists(st.sampled_from([*known, "no"]), max_size=3, unique=True))
    given_ = {key: data.draw(ODD) for key in chosen}
    try:
        method = methods.create(name, **given_)
    except BalanceError as error:
        assert str(error).endswith((".", "none", ", ".join(known)))
        return
    assert repr(method)


_SPEC = importlib.util.spec_from_file_location(
    "good_functions", ROOT / "benchmarks" / "fuzz" / "functions.py"
)
_FUNCTIONS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FUNCTIONS)
FUNCTIONS = {n: list(given.values()) for n, given in _FUNCTIONS.good_arguments().items()}
ODD_TENSORS = st.sampled_from(
    [torch.ones(()), torch.ones(0), torch.ones(3), torch.ones(2, 2), torch.tensor([1, 2]),
     torch.tensor([math.nan, -1.0]), {"a": torch.ones(6)}, {"b": torch.ones(6, 2)}]
)  # fmt: skip


def test_every_function_is_tried():
    assert set(FUNCTIONS) == set(F.__all__)


@given(st.sampled_from(list(FUNCTIONS)), st.integers(0, 2), ODD | ODD_TENSORS)
def test_whatever_a_function_is_given_it_counts_or_says_what_is_wrong(name, place, value):
    arguments = list(FUNCTIONS[name])
    arguments[min(place, len(arguments) - 1)] = value
    try:
        getattr(F, name)(*arguments)
    except BalanceError as error:
        assert str(error).endswith(".")


def test_shares_of_no_modality_are_refused():
    with pytest.raises(BalanceError, match="There must be a modality"):
        F.update_fractions(torch.zeros(0), 0.2)


@pytest.mark.parametrize("tau", [0, -1, math.nan, "0.2", None])
def test_a_temperature_is_above_zero(tau):
    with pytest.raises(BalanceError, match="tau must be a number > 0"):
        F.update_fractions(torch.tensor([0.1, 0.2]), tau)


def test_labels_of_any_integer_type_have_one_significance():
    logits, features, labels = {"a": torch.randn(6, 2)}, {"a": torch.randn(6, 3)}, LABELS
    wanted = F.modality_significance(logits, features, labels)
    for dtype in (torch.int32, torch.uint8, torch.bool):
        assert torch.equal(F.modality_significance(logits, features, labels.to(dtype)), wanted)


def test_a_learned_sampler_without_a_balancer_says_so():
    method = DUSLearned()
    assert method.note == "0 policy steps: too few to learn"
    with pytest.raises(BalanceError, match=r"call Balancer\(model, method"):
        method.state_dict()


@pytest.mark.parametrize("frozen", [False, True])
def test_re_learning_acts_where_a_weight_has_moved(frozen):
    net, method = Net(), DiagnoseRelearn(strength=0.5, every=1)
    net.a.requires_grad_(not frozen)
    net.b.requires_grad_(not frozen)
    balancer, optimizer = balanced(method, net), torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(3):
        balancer.loss(net(torch.randn(6, 3), torch.randn(6, 5)), LABELS).backward()
        balancer.before_step()
        optimizer.step()
        balancer.epoch_end()
    assert method.acted is not frozen


def readable(*loader, **options):
    return balanced(DiagnoseRelearn(), loaders={"train": [*loader], "val": [*loader]}, **options)


def test_re_learning_is_refused_at_the_start_without_epochs_or_a_way_to_read_the_loaders():
    batch = (torch.randn(6, 3), torch.randn(6, 5), LABELS)
    with pytest.raises(BalanceError, match=r"pass epochs=\.\.\. to Balancer"):
        step(readable(batch))
    step(readable(batch, epochs=9))
    with pytest.raises(BalanceError, match="Pass forward="):
        readable({"x": batch[0], "y": LABELS}, epochs=9)
    step(readable({"x": 1, "y": 2}, epochs=9, forward=lambda model, batch: None))


class Noisy(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return {"x": torch.randn(3), "label": 0}


def test_a_data_set_shows_its_form_and_no_draw_is_lost():
    loader = torch.utils.data.DataLoader(Noisy(), batch_size=2)
    before = torch.get_rng_state()
    net = Net()
    torch.set_rng_state(before)
    with pytest.raises(BalanceError, match=r"\['x', 'label'\] without 'labels'"):
        balanced(DiagnoseRelearn(), net, epochs=9, loaders={"train": loader, "val": loader})
    assert torch.equal(torch.get_rng_state(), before)


def test_a_second_epoch_of_batches_without_an_end_is_told_once():
    data = [({"a": torch.randn(3), "b": torch.randn(5)}, k % 2) for k in range(8)]
    balancer = balanced(methods.create("joint"))
    net = balancer.setting.modalities.model

    def epoch(end):
        for x, y in balancer.batches(data, batch_size=4):
            balancer.loss(net(x["a"], x["b"]), y).backward()
            balancer.before_step()
        if end:
            balancer.epoch_end()

    epoch(end=True)
    epoch(end=False)
    with pytest.warns(UserWarning, match="the same rows in the same order: call epoch_end()"):
        epoch(end=False)
    epoch(end=True)


def test_a_training_that_never_ended_an_epoch_is_told_when_it_goes(caplog):
    for ends in (0, 1):
        balancer = balanced(AMSS())
        for _ in range(12):
            step(balancer)
        for _ in range(ends):
            balancer.epoch_end()
        with caplog.at_level(logging.WARNING, logger="equimodal"):
            del balancer
        said = [r for r in caplog.messages if "epoch_end() was never called in 12 updates" in r]
        assert len(said) == 1
