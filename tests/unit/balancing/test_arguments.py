"""Arguments of a balancer, and what a loop gives it: taken, or refused in one of our own words."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from equimodal import (
    AMSS,
    Ablation,
    AuxiliaryHeads,
    BalanceError,
    Balancer,
    Classification,
    InputAblation,
    LinearSplit,
    MultiLabel,
    methods,
)
from equimodal.balancing.collection import arguments_of, default_forward
from unit.two_encoders import Net

ENCODERS = {"a": "a", "b": "b"}
LABELS = torch.tensor([0, 1, 0, 1, 1, 0])
INTEGERS = [
    torch.int8, torch.int16, torch.int32, torch.uint8, torch.uint16, torch.uint32, torch.bool
]  # fmt: skip


class Lazy(Net):
    def __init__(self):
        super().__init__()
        self.a = nn.LazyLinear(4)


def rows(n=6):
    torch.manual_seed(1)
    return torch.randn(n, 3), torch.randn(n, 5)


def step(balancer, target=LABELS, given=None):
    loss = balancer.loss(balancer.setting.modalities.model(*(given or rows(len(target)))), target)
    loss.backward()
    balancer.before_step()
    return loss.item()


def losses(name, target):
    net = Net()
    more = {"every": 1} if name == "relearn" else {}
    loaders = {"train": [(*rows(), target)], "val": [(*rows(), target)]}
    made = Balancer(net, methods.create(name, **more), ENCODERS, LinearSplit("head"),
                    loaders=loaders)  # fmt: skip
    found = []
    for _ in range(2):
        found.append(step(made, target))
        made.epoch_end()
        net.zero_grad()
    return found


@pytest.mark.parametrize("name", ["joint", "joint+unimodal", "amss", "dus", "relearn"])
def test_labels_of_every_integer_type_train_as_int64_does(name):
    wanted = losses(name, LABELS)
    assert all(losses(name, LABELS.to(dtype)) == wanted for dtype in INTEGERS)


@pytest.mark.parametrize("name", ["joint", "joint+unimodal", "amss", "dus", "relearn"])
def test_a_batch_without_samples_is_refused(name):
    net = Net()
    made = Balancer(net, methods.create(name, **({"every": 1} if name == "relearn" else {})),
                    ENCODERS, LinearSplit("head"),
                    loaders={"train": [(*rows(), LABELS)], "val": [(*rows(), LABELS)]})  # fmt: skip
    with pytest.raises(BalanceError, match="The batch holds no sample"):
        step(made, LABELS[:0])
    with torch.no_grad(), pytest.raises(BalanceError, match="The batch holds no sample"):
        made.loss(net(*rows(0)), LABELS[:0])


TARGETS = {
    "a list": [0, 1, 0, 1, 1, 0],
    "an array": LABELS.numpy(),
    "a number": torch.tensor(1),
    "nothing": None,
    "a mapping of lists": {"a": [0], "b": [1]},
    "an empty mapping": {},
    "complex numbers": LABELS.cfloat(),
    "soft labels": LABELS.float(),
    "a negative label": LABELS - 1,
    "a class too many": LABELS + 1,
    "bytes over the classes": (LABELS + 254).to(torch.uint8),
    "two columns": LABELS[:, None],
    "another device": LABELS.to("meta"),
    "too few": LABELS[:5],
}


@pytest.mark.parametrize("what", TARGETS)
@pytest.mark.parametrize("name", ["joint", "amss", "dus"])
def test_a_target_that_is_no_label_for_every_sample_is_refused(what, name):
    made = Balancer(Net(), methods.create(name), ENCODERS, LinearSplit("head"))
    with pytest.raises(BalanceError):
        step(made, TARGETS[what], rows())


def made(**options):
    options = {"method": AMSS(), "encoders": ENCODERS, "readout": LinearSplit("head")} | options
    model = options.pop("model", None)
    return Balancer(Net() if model is None else model, **options)


KINDS = {
    "a method by its name": ({"method": "amss"}, "methods.create"),
    "a method's class": ({"method": AMSS}, r"Write AMSS\(\.\.\.\)"),
    "a task by its name": ({"task": "regression"}, r"Regression\(\)"),
    "a task's class": ({"task": Classification}, r"Write Classification\(\.\.\.\)"),
    "a readout by its head": ({"readout": "head"}, "LinearSplit"),
    "a readout's class": ({"readout": Ablation}, r"Write Ablation\(\.\.\.\)"),
    "a list of encoders": ({"encoders": ["a", "b"]}, "mapping by modality"),
    "an encoder of another kind": ({"encoders": {"a": 1, "b": "b"}}, r"encoders\['a'\]"),
    "an encoder by nothing": ({"encoders": {"a": None, "b": "b"}}, "name of a module"),
    "a model's class": ({"model": Net}, "torch.nn.Module"),
    "a lazy model": ({"model": Lazy()}, "Lazy layers have no weights yet"),
    "a seed of a half": ({"seed": 1.5}, "seed must be a whole number"),
    "a seed in words": ({"seed": "0"}, "seed must be a whole number"),
    "no seed": ({"seed": None}, "seed must be a whole number"),
    "epochs in words": ({"epochs": "10"}, "epochs must be a whole number"),
    "no epoch": ({"epochs": 0}, "epochs must be a whole number"),
    "fewer epochs": ({"epochs": -5}, "epochs must be a whole number"),
    "half an epoch": ({"epochs": 2.5}, "epochs must be a whole number"),
    "a list of loaders": ({"loaders": [1]}, "loaders must be a mapping"),
    "a number for a loader": ({"loaders": {"train": 3}}, "iterable again and again"),
    "a forward in words": ({"forward": "model(x)"}, "forward must be a function"),
    "a logger": ({"log": "wandb"}, "log must be a function"),
    "a learning rate": ({"optimizers": 0.1}, "optimizers must be an optimizer"),
    "a rate as a tensor": ({"optimizers": torch.tensor(0.1)}, "optimizers must be an optimizer"),
    "parameters": ({"optimizers": [nn.Parameter(torch.ones(1))]}, "torch.optim.Optimizer"),
    "an objective": ({"objective": ["fused"]}, "objective must be one of"),
    "a place": ({"on": 3}, "on must be one of"),
}  # fmt: skip


@pytest.mark.parametrize("what", KINDS)
def test_an_argument_of_another_kind_is_refused_with_what_to_write(what):
    options, said = KINDS[what]
    with pytest.raises(BalanceError, match=said):
        made(**options)


def test_one_optimizer_and_whole_numbers_of_numpy_are_taken():
    net = Net()
    sgd = torch.optim.SGD(net.parameters(), 0.1)
    balancer = made(model=net, optimizers=sgd, seed=np.int64(3), epochs=np.int32(4))
    assert balancer.setting.optimizers == (sgd,)
    assert (repr(balancer.setting.seed), repr(balancer.setting.epochs)) == ("3", "4")
    step(balancer)


def test_after_a_refusal_the_model_may_have_a_balancer():
    net = Net()
    for wrong in ({"seed": "0"}, {"optimizers": 3}, {"optimizers": [3]}):
        with pytest.raises(BalanceError):
            made(model=net, **wrong)
    made(model=net)


NAMES = ["a.b", "forward", "train", "..", "x" * 300, "n\0m", "a/b", "keys", "-x", "", " a", 3]


@pytest.mark.parametrize("name", NAMES)
def test_a_modality_has_a_name_that_can_stand_everywhere(name):
    with pytest.raises(BalanceError, match="cannot name a modality"):
        made(encoders={name: "a", "b": "b"})


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=4), st.text(max_size=4)),
    st.just(object()), st.just(int), st.just(math.sqrt), st.just(torch.ones(2)),
    st.just(torch.tensor(2)), st.just(np.float64(2)), st.just(np.bool_(True)), st.just(AMSS),
)  # fmt: skip
ARGUMENTS = [
    "model", "method", "encoders", "readout", "task", "objective", "loaders", "forward",
    "optimizers", "on", "epochs", "seed", "log", "log_every", "diagnose",
]  # fmt: skip


@given(st.sampled_from(ARGUMENTS), ODD)
def test_whatever_the_argument_a_balancer_trains_or_says_what_is_wrong(argument, value):
    try:
        balancer = made(**{argument: value})
    except BalanceError as error:
        assert str(error).endswith(".")
        return
    if argument != "log":
        step(balancer)
        balancer.epoch_end()


@given(
    st.lists(ODD, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "labels"]), ODD) | ODD
)
def test_whatever_the_batch_it_is_read_or_refused(batch):
    try:
        args, kwargs, _ = arguments_of(Net(), batch)
    except BalanceError as error:
        assert "Pass forward=" in str(error)
    else:
        assert args or kwargs or batch == {"labels": batch["labels"]}


class Table(nn.Module):
    def forward(self, inputs):
        return inputs["a"]


class Named(nn.Module):
    def forward(self, a, b=None, labels=None):
        return a if labels is None else None


class Any(nn.Module):
    def forward(self, *args, **kwargs):
        return args, kwargs


A, B, Y = torch.ones(2, 1), torch.zeros(2, 1), torch.tensor([0, 1])
READ = {
    "inputs and target": (Table(), ({"a": A}, Y), ({"a": A},), {}),
    "an item of ours": (Table(), ({"a": A}, Y, torch.arange(2)), ({"a": A},), {}),
    "several inputs": (Net(), (A, B, Y), (A, B), {}),
    "a list of several inputs": (Net(), [A, B, Y], (A, B), {}),
    "inputs in a tuple": (Net(), ((A, B), Y), (A, B), {}),
    "inputs by name": (Net(), {"a": A, "b": B, "labels": Y}, (), {"a": A, "b": B}),
    "some inputs by name": (Named(), {"a": A, "labels": Y}, (), {"a": A}),
    "any name": (Any(), {"x": A, "labels": Y}, (), {"x": A}),
    "inputs in a mapping": (Table(), {"a": A, "labels": Y}, ({"a": A},), {}),
}


@pytest.mark.parametrize("what", READ)
def test_a_batch_is_read_as_its_model_takes_it(what):
    model, batch, args, kwargs = READ[what]
    found_args, found_kwargs, target = arguments_of(model, batch)
    assert (found_args, found_kwargs) == (args, kwargs)
    assert target is Y


@pytest.mark.parametrize(
    ("model", "batch"),
    [
        (Named(), (A, B, Y)), (Any(), (A, B, Y)), (Net(), {"a": A, "b": B}), (Net(), A),
        (Net(), (A,)),
        (Net(), {"a": A, "b": B, "index": Y, "labels": Y}),
    ],
)  # fmt: skip
def test_a_batch_that_could_mean_two_things_is_a_question(model, batch):
    with pytest.raises(BalanceError, match="Pass forward="):
        default_forward(model, batch)


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m(*x[:2]), lambda m, x: (m(*x[:2]),), lambda m, x: None,
        lambda m, x: (m(*x[:2]), 3), lambda m, x: (m(*x[:2]), x[2], None, None),
    ],
)  # fmt: skip
def test_a_forward_that_gives_something_else_is_told(forward):
    batch = (*rows(), LABELS)
    balancer = made(method=methods.create("relearn", every=1), forward=forward,
                    loaders={"train": [batch], "val": [batch]})  # fmt: skip
    assert len(balancer.check(batch).problems) == 1
    step(balancer)
    balancer.epoch_end()
    step(balancer)
    with pytest.raises(BalanceError, match="forward"):
        balancer.epoch_end()


def test_the_lines_of_a_plain_loop_need_no_forward():
    assert not made(readout=LinearSplit("head")).check((*rows(), LABELS)).problems


def test_several_labels_may_be_truth_values():
    found = []
    for dtype in (torch.float32, torch.bool, torch.uint8):
        target = torch.eye(2)[LABELS].to(dtype)
        found.append(step(made(task=MultiLabel(), method=methods.create("joint")), target))
    assert found[0] == found[1] == found[2]


READOUTS = {
    "a head by its number": (lambda: LinearSplit(5), "LinearSplit takes the name"),
    "heads in a list": (lambda: LinearSplit(["head"]), "LinearSplit takes the name"),
    "no head": (lambda: LinearSplit({}), "LinearSplit takes the name"),
    "the whole head for each": (
        lambda: LinearSplit({"a": "head", "b": "head"}), "the layer of 'a' takes 8 features"
    ),
    "a layer that gives no logits": (lambda: LinearSplit("head.0"), "no such module"),
    "nothing that blanks": (lambda: InputAblation(None), "InputAblation takes blank"),
    "blanks that give no pair": (lambda: InputAblation(lambda m, a, b: (a, b)), "must return"),
    "blanks that give nothing": (lambda: InputAblation(lambda m, a, b: None), "must return"),
    "a fill": (lambda: Ablation(["zero"]), "Ablation fill must be one of"),
    "a width below 0": (lambda: AuxiliaryHeads({"a": -1, "b": 4}, 2), "width of 'a'"),
    "no width": (lambda: AuxiliaryHeads({"a": 0, "b": 4}, 2), "width of 'a'"),
    "widths in a list": (lambda: AuxiliaryHeads([4, 4], 2), "takes the width"),
    "no classes": (lambda: AuxiliaryHeads({"a": 4, "b": 4}, 0), "AuxiliaryHeads classes"),
    "a name of a module's own": (lambda: AuxiliaryHeads({"train": 4}, 2), "cannot name a modality"),
    "another width": (lambda: AuxiliaryHeads({"a": 4, "b": 5}, 2), "Write widths={'b': 4}"),
    "another number of classes": (lambda: AuxiliaryHeads({"a": 4, "b": 4}, 3), "gives 3 classes"),
    "a modality less": (lambda: AuxiliaryHeads({"a": 4}, 2), "has no head for"),
}  # fmt: skip


@pytest.mark.parametrize("what", READOUTS)
def test_a_readout_that_does_not_fit_is_refused(what):
    readout, said = READOUTS[what]
    with pytest.raises(BalanceError, match=said):
        step(made(readout=readout()))


@pytest.mark.parametrize(
    "readout", [LinearSplit("head"), AuxiliaryHeads({"a": 4, "b": 4}, 2)], ids=["split", "heads"]
)
def test_features_with_an_axis_left_over_are_told(readout):
    net, balancer = Net(), None
    balancer = made(model=net, readout=readout)
    a, b = torch.randn(6, 7, 3), torch.randn(6, 7, 5)
    with pytest.raises(BalanceError, match=r"one vector a sample, \(N, D\); found features of"):
        balancer.loss(net(a, b).mean(1), LABELS)


READOUT_KINDS = [LinearSplit, Ablation, InputAblation, AuxiliaryHeads]


@given(st.sampled_from(READOUT_KINDS), st.lists(ODD, min_size=1, max_size=2))
def test_whatever_a_readout_is_given_it_reads_or_says_what_is_wrong(kind, values):
    try:
        made(readout=kind(*values[: 2 if kind is AuxiliaryHeads else 1]))
    except BalanceError as error:
        assert str(error).endswith(".")
    except TypeError as error:
        assert "missing 1 required positional argument" in str(error)
