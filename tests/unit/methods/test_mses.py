import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError, Balancer, LinearSplit
from equimodal.functional import smoothed_losses
from equimodal.methods.mses import MSES
from unit.two_encoders import Net


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def made(method, net=None):
    net = net or Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    balancer = Balancer(net, method, {"a": "a", "b": "b"}, LinearSplit("head"),
                        optimizers=[optimizer], loaders={"val": []})  # fmt: skip
    return net, optimizer, balancer


class Heard:
    """The end of an epoch with given losses."""

    optimizers = ()

    def __init__(self, balancer, *losses):
        self.modalities, self.given = balancer.setting.modalities, tensor(*losses, 0.0)
        self.records = {}

    def losses(self, split):
        assert split == "val"
        return self.given

    def record(self, name, values):
        self.records[name] = [float(v) for v in values]


def told(patience, losses, **settings):
    """What is recorded of modality a while the weights count the epochs. -> method, net, records"""
    method = MSES(patience, **settings)
    net, _, balancer = made(method)
    records = []
    for epoch, loss in enumerate(losses, start=1):
        nn.init.constant_(net.a.weight, epoch)
        heard = Heard(balancer, loss, 1.0 / epoch)
        method.on_epoch_end(heard)
        records.append({name: values[0] for name, values in heard.records.items()})
        if method.state["stopped"]["a"]:
            break
    return method, net, records


LOSSES = (1.0, 0.8, 0.7, 0.75, 0.9, 1.0, 1.1)


def test_an_encoder_stops_with_the_weights_of_its_best_epoch():
    smooth = smoothed_losses(tensor(*LOSSES), 0.4).tolist()
    assert smooth == pytest.approx([1.0, 0.92, 0.76, 0.72, 0.81, 0.94, 1.04])
    method, net, records = told(2, LOSSES)
    assert [r["smooth"] for r in records] == pytest.approx(smooth)
    assert [r["stopped"] for r in records] == [0, 0, 0, 0, 0, 0, 1]
    assert method.state["best_epoch"]["a"] == 4
    assert (net.a.weight == 4).all()
    assert not method.state["stopped"]["b"] and method.acted


def test_a_loss_that_never_falls_stops_at_the_first_epoch():
    method, net, records = told(2, [1.0] * 9)
    assert len(records) == 4
    assert (net.a.weight == 1).all()
    assert method.state["best_epoch"]["a"] == 1


def test_the_weights_of_the_last_epoch_may_stay():
    _, net, records = told(2, LOSSES, restore="none")
    assert len(records) == 7 and (net.a.weight == 7).all()


def test_the_whole_model_and_its_optimizer_may_be_restored_as_the_known_code_does():
    training = start("mses", settings={"patience": 1, "restore": "model"})
    method, balancer = training.balancer.setting.method, training.balancer
    updates(training, 2)
    weights, momentum = training.weights, copy.deepcopy(training.optimizer.state_dict()["state"])
    losses = iter([(1.0, 1.0), (2.0, 0.9), (3.0, 0.8), (4.0, 0.7)])

    def heard():
        found = Heard(balancer, *next(losses))
        found.optimizers = [training.optimizer]
        method.on_epoch_end(found)

    heard()  # the best epoch of a
    for _ in range(2):
        updates(training, 2)
        heard()
    assert method.state["stopped"] == {"a": True, "b": False}
    assert_same_weights(weights, training.weights)
    for k, state in training.optimizer.state_dict()["state"].items():
        assert torch.equal(state["momentum_buffer"], momentum[k]["momentum_buffer"])
    updates(training, 2)
    moved = training.weights
    assert all(torch.equal(weights[n], moved[n]) == ("encoders.a" in n) for n in moved)


def test_an_encoder_that_stopped_before_stays_as_it_stopped_where_a_model_is_restored():
    training = start("mses", settings={"patience": 1, "restore": "model"})
    method, balancer = training.balancer.setting.method, training.balancer
    losses = iter([(1.0, 1.0), (2.0, 0.5), (2.0, 2.0), (2.0, 2.0)])  # b is best in between
    kept = {}
    for _ in range(4):
        updates(training, 1)
        found = Heard(balancer, *next(losses))
        found.optimizers = [training.optimizer]
        method.on_epoch_end(found)
        if method.state["stopped"]["a"] and not kept:
            kept = {n: w for n, w in training.weights.items() if "encoders.a" in n}
    assert method.state["stopped"] == {"a": True, "b": True}
    assert all(torch.equal(training.weights[n], w) for n, w in kept.items())


def test_a_modality_that_never_gets_worse_never_stops_and_training_is_joint_bit_for_bit():
    never = trained("mses", settings={"patience": 50})
    assert_same_weights(never.weights, trained("joint").weights)
    assert not never.balancer.setting.method.acted


@given(st.lists(st.floats(0.1, 5), min_size=1, max_size=12), st.floats(0.1, 1))
def test_the_smoothed_loss_lies_between_a_loss_and_the_one_before(losses, smoothing):
    found = smoothed_losses(tensor(*losses), smoothing).tolist()
    assert found[0] == losses[0]
    for before, now, mean in zip(losses, losses[1:], found[1:], strict=False):
        assert min(before, now) - 1e-9 <= mean <= max(before, now) + 1e-9


def updates(training, steps):
    for k in range(steps):
        inputs, labels = training.data.take(torch.arange(16) + k)
        training.balancer.loss(training.model(inputs), labels).backward()
        training.balancer.before_step()
        training.optimizer.step()
        training.optimizer.zero_grad()


def stop(training, *modalities):
    for m in modalities:
        training.balancer.setting.method._remember(m)
        training.balancer.setting.method.state["stopped"][m] = True


def test_a_stopped_encoder_does_not_move_by_a_bit_and_the_others_do():
    training = start("mses")
    updates(training, 3)  # so that there is momentum
    stop(training, "a")
    before = training.weights
    updates(training, 3)
    for n, w in training.weights.items():
        assert torch.equal(w, before[n]) == ("encoders.a" in n), n


def test_the_others_move_as_without_the_method():
    kinds = ("linear", "gru", "convolutional")
    training, free = start("mses", kinds=kinds), start("joint", kinds=kinds)
    stop(training, "b")
    updates(training, 1)
    updates(free, 1)
    for n, w in training.weights.items():
        assert torch.equal(w, free.weights[n]) == ("encoders.b" not in n), n


def test_batch_statistics_of_a_stopped_encoder_stand_still():
    net = Net()
    net.a = nn.Sequential(net.a, nn.BatchNorm1d(4))
    method = MSES()
    net, _, balancer = made(method, net)
    method._remember("a")
    method.state["stopped"]["a"] = True
    kept = copy.deepcopy(net.a[1])
    loss = balancer.loss(net(torch.randn(6, 3), torch.randn(6, 5)), torch.tensor([0, 1] * 3))
    assert not torch.equal(net.a[1].running_mean, kept.running_mean)
    loss.backward()
    balancer.before_step()
    assert torch.equal(net.a[1].running_mean, kept.running_mean)
    assert torch.equal(net.a[1].num_batches_tracked, kept.num_batches_tracked)


def test_a_training_whose_encoders_have_all_stopped_says_so():
    method = MSES()
    made(method)
    assert method.note == ""
    method.state["stopped"] = {"a": True, "b": True}
    assert method.note == "every encoder has stopped"


def test_a_checkpoint_holds_the_best_weights_once():
    training = run(start("mses", settings={"patience": 50}), 1)
    state = training.balancer.state_dict()
    assert state["snapshots"].keys() == {"a", "b"}
    assert "0.weight" in "".join(state["snapshots"]["a"]["weights"])
    assert not any(isinstance(v, torch.Tensor) for v in state["state"].values())
    again = start("mses", settings={"patience": 50})
    again.balancer.load_state_dict(state)
    assert again.balancer.setting.method.snapshots.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MSES(0), "MSES patience must be a whole number"),
        (lambda: MSES(smoothing=0), "MSES smoothing must be a number"),
        (lambda: MSES(restore="head"), "MSES restore must be one of encoder, model, none"),
        (lambda: smoothed_losses(tensor(), 0.4), "There must be a loss"),
        (lambda: smoothed_losses(tensor(1), 2), "smoothing must be a number"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
