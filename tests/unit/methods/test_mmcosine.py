"""MMCosine: its logits by hand, its head and readout, and what is refused."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from contract.training import assert_same_weights, run, start, trained
from equimodal import (
    BalanceError,
    Balancer,
    CosineHead,
    CosineSplit,
    Joint,
    LinearSplit,
    MMCosine,
    Regression,
    methods,
)
from equimodal.functional import cosine_logits
from unit.given_features import near, rows

WA, WV = rows([[3, 4], [1, 0], [0, -2]], [[1, 1], [0, 2], [-1, 0]])
A, V = rows([[1, 0], [3, 4]], [[0, 2], [1, -1]])
WT, T = rows([[0, 1], [1, 1], [1, -1]], [[2, 0], [0, 1]])
Y = torch.tensor([1, 0])
OA = [[6, 10, 0], [10, 6, -8]]
OV = [[7.071068, 10, 0], [0, -7.071068, -7.071068]]


class Given(nn.Linear):
    """An encoder that gives its input back."""

    def __init__(self):
        super().__init__(2, 2, bias=False, dtype=torch.float64)
        nn.init.eye_(self.weight)


class Net(nn.Module):
    """Features are inputs; the head is a cosine head with given weights."""

    def __init__(self, *weights):
        super().__init__()
        self.nets = nn.ModuleDict({m: Given() for m in "avt"[: len(weights)]})
        self.fc = CosineHead([2] * len(weights), 3).double()
        self.fc.weight.data = torch.cat(weights, 1)

    def forward(self, *inputs):
        found = [net(x) for net, x in zip(self.nets.values(), inputs, strict=True)]
        return self.fc(torch.cat(found, 1))


def made(method, *weights):
    net = Net(*weights)
    encoders = {m: f"nets.{m}" for m in net.nets}
    return net, Balancer(net, method, encoders, CosineSplit("fc"))


def test_the_parts_and_their_sum_by_hand():
    near(cosine_logits(A, WA), OA)
    near(cosine_logits(V, WV), OV)
    net, balancer = made(MMCosine(), WA, WV)
    logits = net(A, V)
    near(logits, [[13.071068, 20, 0], [10, -1.071068, -15.071068]])
    near(balancer.loss(logits, Y), 4.970623e-4, 1e-9)
    parts = balancer.setting.unimodal_logits({"a": A, "v": V})
    near(parts["a"], OA)
    near(parts["v"], OV)


def test_the_scale_is_the_methods():
    net, balancer = made(MMCosine(1.0), WA, WV)
    logits = net(A, V)
    near(cross_entropy(logits, Y, reduction="none"), [0.491926, 0.345020])
    near(balancer.loss(logits, Y), 0.418473)


def test_three_modalities_by_hand():
    net, balancer = made(MMCosine(), WA, WV, WT)
    logits = net(A, V, T)
    near(logits, [[13.071068, 27.071068, 7.071068], [20, 6, -22.142136]])
    near(balancer.loss(logits, Y), 8.325589e-7, 1e-12)


def test_each_half_of_it_by_hand():
    near(cosine_logits(A, WA, normalise="features"), [[30, 10, 0], [50, 6, -16]])
    near(cosine_logits(A, WA, normalise="weights"), [[6, 10, 0], [50, 30, -40]])
    for half in ("features", "weights"):
        net, _ = made(MMCosine(normalise=half), WA, WV)
        parts = [cosine_logits(x, w, normalise=half) for x, w in ((A, WA), (V, WV))]
        near(net(A, V), parts[0] + parts[1], 1e-12)


@pytest.mark.parametrize("zero", ["features", "weight"])
def test_a_row_of_zeros_has_no_logits_and_no_gradient(zero):
    given = {"features": A.clone(), "weight": WA.clone()}
    given[zero][0] = 0
    for x in given.values():
        x.requires_grad_()
    found = cosine_logits(**given)
    found.sum().backward()
    own = found[0] if zero == "features" else found[:, 0]
    assert not own.any() and not given[zero].grad[0].any()
    assert all(x.grad.isfinite().all() and x.grad[1:].any() for x in given.values())


@given(st.integers(0, 999), st.floats(1e-3, 1e3), st.floats(0.1, 50))
def test_lengths_say_nothing_and_the_gradient_is_across(seed, length, scale):
    draw = torch.Generator().manual_seed(seed)
    x, w = (torch.randn(4, 5, generator=draw).double() for _ in "xw")
    x.requires_grad_()
    found = cosine_logits(x, w, scale=scale)
    assert found.abs().max() <= scale * (1 + 1e-12)
    near(cosine_logits(length * x, w, scale=scale), found, 1e-9 * scale)
    near(cosine_logits(x, length * w, scale=scale), found, 1e-9 * scale)
    cross_entropy(found, torch.tensor([0, 1, 2, 3])).backward()
    near((x * x.grad).sum(1), torch.zeros(4), 1e-9)


def test_half_precision_keeps_its_cosines():
    net, _ = made(MMCosine(), WA, WV)
    net.float()
    with torch.autocast("cpu", torch.bfloat16):
        found = net(A.float(), V.float())
    assert found.dtype == torch.float32
    near(found.double(), [[13.071068, 20, 0], [10, -1.071068, -15.071068]], 1e-5)


def test_it_is_joint_training_of_its_head_bit_for_bit():
    mine = trained("mmcosine", settings={})
    theirs = start("mmcosine", settings={})
    theirs.balancer.detach()
    theirs.balancer = Balancer(
        theirs.model, Joint(), {m: f"encoders.{m}" for m in "ab"}, CosineSplit("head")
    )
    assert_same_weights(mine.weights, run(theirs, 4).weights)


def test_a_saved_head_predicts_as_it_was_trained():
    net, _ = made(MMCosine(3.0, normalise="features"), WA, WV)
    other = Net(WA, WV)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(A, V), net(A, V))


def test_methods_combine_with_it():
    training = trained("mmcosine~ogm", settings={})
    assert {r["name"] for r in training.balancer.decisions.drain()} >= {"coefficient"}


def test_two_fusions_do_not_combine(monkeypatch):
    other = replace(methods.entry("ogm"), fusion="film")
    monkeypatch.setitem(methods._REGISTRY, "ogm", other)
    with pytest.raises(BalanceError, match="mmcosine and ogm cannot be combined: each brings"):
        methods.create("mmcosine~ogm")


def linear_net():
    net = Net(WA, WV)
    net.fc = nn.Linear(4, 3).double()
    return net


ENCODERS = {m: f"nets.{m}" for m in "av"}


def first_loss(readout, net):
    balancer = Balancer(net, methods.create("joint+unimodal"), ENCODERS, readout)
    return balancer.loss(net(A, V), Y)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MMCosine(0), "scale must be a number > 0"),
        (lambda: MMCosine(normalise="all"), "both, features, weights"),
        (lambda: Balancer(linear_net(), MMCosine(), ENCODERS), "found none in Net.*CosineHead"),
        (lambda: first_loss(CosineSplit("fc"), linear_net()), "CosineHead; found Linear"),
        (lambda: first_loss(LinearSplit("fc"), Net(WA, WV)), "Write CosineSplit"),
        (lambda: CosineSplit({"a": "fc"}), "the name of the cosine head"),
        (lambda: CosineHead([], 3), "width of every modality"),
        (lambda: Balancer(Net(WA, WV), MMCosine(), ENCODERS, task=Regression()), "bounded"),
        (lambda: cosine_logits(A, WA[:, :1]), "as wide as each other"),
        (lambda: methods.create("mmcosine", end=0.5), "no setting 'end'"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
