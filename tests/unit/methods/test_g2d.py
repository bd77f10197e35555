import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError, Balancer
from equimodal.functional import distilled, open_gates
from equimodal.methods.g2d import G2D
from unit.two_encoders import Net

FUSED = torch.tensor([[1.0, 0], [0, 1]])
AUDIO, VIDEO = torch.tensor([[2.0, 0], [1, 0]]), torch.tensor([[0.0, 0], [0, 3]])
LABELS = torch.tensor([0, 1])
NAMES = {"a": "a", "v": "v"}


class Given(nn.Module):
    """An encoder's output, or a head's, whatever goes in."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(value.clone())

    def forward(self, _):
        return 1 * self.value


class Model(nn.Module):
    """Encoders that give what they are to give, and a head that gives the logits of the case."""

    def __init__(self, audio, video, logits):
        super().__init__()
        self.a, self.v, self.fc = Given(audio), Given(video), Given(logits)

    def forward(self, x):
        return self.fc(self.a(x).sum() + self.v(x).sum())


def case(method, *, audio=AUDIO, video=VIDEO, epochs=4, epoch=0):
    net = Model(torch.tensor([[1.0, 2], [0, 1]]), torch.tensor([[0.0, 0], [1, 1]]), FUSED)
    teachers = {
        "a": (Given(torch.tensor([[0.0, 2], [0, 3]])), Given(audio)),
        "v": (Given(torch.tensor([[1.0, 0], [1, 1]])), Given(video)),
    }
    balancer = Balancer(net, method, NAMES, teachers=teachers, epochs=epochs)
    balancer.epoch_index = epoch
    return net, balancer, balancer.loss(net(torch.zeros(2, 1)), LABELS)


def test_the_loss_is_the_fused_one_and_what_is_learned_of_both():
    _, _, loss = case(G2D())
    assert float(loss.detach()) == pytest.approx(2.222854, abs=2e-6)
    _, _, loss = case(G2D(0, 0, until=0))
    assert float(loss.detach()) == pytest.approx(0.313262, abs=5e-7)
    _, _, loss = case(G2D(2.0, 0, until=0))
    assert float(loss.detach()) == pytest.approx(0.313262 + 2 * (0.264624 + 0.144969), abs=3e-6)


@pytest.mark.parametrize(
    ("taught", "temperature", "expected"),
    [(AUDIO, 1, 0.264624), (VIDEO, 1, 0.144969), (AUDIO, 2, 0.297608), (VIDEO, 2, 0.242336)],
)
def test_the_divergence_is_a_mean_over_rows_times_the_squared_temperature(
    taught, temperature, expected
):
    found = distilled(FUSED, taught, temperature)
    assert float(found) == pytest.approx(expected, abs=5e-7)
    assert float(distilled(taught, taught, temperature)) == pytest.approx(0, abs=1e-7)


def gradients(method, **options):
    """Of both encoders: 1 where one learns, and the method's records."""
    net, balancer, loss = case(method, **options)
    for p in (net.a.value, net.v.value):
        loss = loss + p.sum()
    loss.backward()
    before, head = [p.grad.clone() for p in (net.a.value, net.v.value)], net.fc.value.grad.clone()
    balancer.before_step()
    found = [p.grad for p in (net.a.value, net.v.value)]
    assert torch.equal(net.fc.value.grad, head)
    same = [bool(torch.equal(x, y)) for x, y in zip(found, before, strict=True)]
    gone = [not x.any() for x in found]
    balancer.epoch_end()
    return same, gone, {r["name"]: r["values"] for r in balancer.decisions.drain()}


def test_the_encoder_of_the_surer_teacher_waits():
    same, gone, records = gradients(G2D())
    # Sums of the batch are 1.149738 and 1.452574; sureness is their mean.
    assert records["sureness"] == pytest.approx({"a": 0.574869, "v": 0.726287}, abs=5e-7)
    assert records["gate"] == {"a": 1, "v": 0}
    assert same == [True, False] and gone == [False, True]


def test_encoders_of_equally_sure_teachers_all_learn():
    same, _, records = gradients(G2D(), video=AUDIO)
    assert same == [True, True] and set(records["gate"].values()) == {1.0}


@pytest.mark.parametrize(("epoch", "waits"), [(0, True), (1, True), (2, False), (3, False)])
def test_after_its_share_of_the_training_nothing_is_stopped(epoch, waits):
    same, _, records = gradients(G2D(until=0.5), epoch=epoch)
    assert same == [True, not waits] and bool(records) == waits


def test_a_gate_for_the_whole_training_needs_no_epochs():
    assert "epochs" not in G2D(until=1).needs and "epochs" in G2D().needs
    assert gradients(G2D(until=1), epochs=None, epoch=9)[0] == [True, False]


def test_without_a_gate_gradients_are_untouched():
    assert not G2D(until=0).edits_gradients()


def test_all_but_the_weakest_wait():
    assert open_gates(torch.tensor([3.0, 1, 2])).tolist() == [0, 1, 0]
    assert open_gates(torch.tensor([1.0, 1, 2])).tolist() == [1, 1, 0]
    assert open_gates(torch.tensor([0.5, 0.5, 0.5])).tolist() == [1, 1, 1]
    assert open_gates(torch.tensor([math.nan, 0.5, 0.6])).tolist() == [1, 1, 0]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_one_gate_is_always_open_and_no_surer_one_than_a_closed_one(values):
    sureness = torch.tensor(values)
    gates = open_gates(sureness).bool()
    assert bool(gates.any())
    if not bool(gates.all()):
        assert sureness[gates].max() < sureness[~gates].min()


@pytest.mark.parametrize("scope", ["all", "conv"])
def test_the_gate_stops_an_encoder_or_its_convolutions(scope):
    training = start("g2d-gate", kinds=("convolutional", "convolutional"),
                     settings={"logits": 0, "features": 0, "scope": scope})  # fmt: skip
    inputs, y = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), y).backward()
    before = {n: p.grad.clone() for n, p in training.model.named_parameters()}
    training.balancer.before_step()
    training.balancer.epoch_end()
    gate = {r["name"]: r["values"] for r in training.balancer.decisions.drain()}["gate"]
    (waiting,) = [m for m, g in gate.items() if not g]
    for name, p in training.model.named_parameters():
        stopped = name.startswith(f"encoders.{waiting}.") and (scope == "all" or p.ndim == 4)
        assert torch.equal(p.grad, torch.zeros_like(p) if stopped else before[name]), name


def test_two_micro_batches_decide_as_one_batch():
    one, two = (trained("g2d", epochs=2, parts=n).balancer.decisions.drain() for n in (1, 2))
    for first, second in zip(one, two, strict=True):
        assert first["name"] == second["name"]
        assert first["values"] == pytest.approx(second["values"], abs=1e-9)


def test_without_any_of_its_parts_it_is_joint_to_the_bit():
    settings = {"logits": 0, "features": 0, "until": 0}
    joint, none = trained("joint", epochs=2), trained("g2d", epochs=2, settings=settings)
    assert_same_weights(joint.weights, none.weights)


def test_teachers_stay_as_they_were():
    training = start("g2d", epochs=2)
    teachers = training.balancer.setting.modalities.teachers
    held = [p for t in teachers._of.values() for n in t.networks for p in n.parameters()]
    before = [p.clone() for p in held]
    run(training, 2)
    assert all(torch.equal(p, k) and p.grad is None for p, k in zip(held, before, strict=True))


def test_a_teacher_without_a_head_is_refused_where_its_logits_are_read():
    net, teachers = Net(), {"a": nn.Linear(3, 4), "b": (nn.Linear(5, 4), nn.Linear(4, 2))}
    with pytest.raises(BalanceError, match=r"logits of its teachers; found none of \['a'\]"):
        Balancer(net, G2D(), {"a": "a", "b": "b"}, teachers=teachers)
    Balancer(net, G2D(0, until=0), {"a": "a", "b": "b"}, teachers=teachers)


def test_unpaired_batches_are_refused_where_fused_logits_are_held_against_teachers():
    net = Net()
    teachers = {"a": (nn.Linear(3, 4), nn.Linear(4, 2)), "b": (nn.Linear(5, 4), nn.Linear(4, 2))}
    balancer = Balancer(net, G2D(), {"a": "a", "b": "b"}, teachers=teachers, epochs=2)
    net(torch.ones(3, 3), torch.ones(3, 5))
    with pytest.raises(BalanceError, match="needs paired batches"):
        y = torch.zeros(3).long()
        balancer.loss({"logits": None}, {"a": y, "b": y})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"logits": -1}, "G2D logits"),
        ({"features": -1}, "G2D features"),
        ({"temperature": 0}, "G2D temperature"),
        ({"until": 2}, "G2D until"),
        ({"scope": "head"}, "G2D scope must be one of"),
        ({"logits": 0, "temperature": 2.0}, "temperature has no effect with logits=0"),
        ({"until": 0, "scope": "conv"}, "scope has no effect with until=0"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, words):
    with pytest.raises(BalanceError, match=words):
        G2D(**arguments)
