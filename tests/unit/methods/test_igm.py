"""IGM: values by hand, and what holds for every input."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import IGM, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.functional import flat_modification
from unit.methods.turns import Sharing, batches, encoders_of, taught


def near(found, expected):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=1e-6, rtol=1e-6
    )


def bound(method, *, sizes=None, **options):
    """A model, its balancer and its optimizer."""
    net = Sharing(sizes or {"a": 3, "b": 5}, 4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    balancer = Balancer(
        net, method, encoders_of(net), optimizers=[optimizer],
        loaders={"train": batches(net)}, **options,
    )  # fmt: skip
    optimizer.add_param_group({"params": list(balancer.parameters())})
    return net, balancer, optimizer


def test_the_matrix_has_the_values_worked_out_by_hand():
    near(flat_modification(torch.diag(torch.tensor([4.0, 1, 0])), 0.4),
         torch.diag(torch.tensor([0.670320, 0.904837, 1])))  # fmt: skip
    found = flat_modification(torch.tensor([[2.0, 1], [1, 2]]), 0.4)
    near(found, [[0.835160, -0.164840], [-0.164840, 0.835160]])
    near(torch.tensor([[1.0, 0], [1, 1]]) @ found, [[0.835160, -0.164840], [0.670320, 0.670320]])
    near(flat_modification(3 * torch.eye(3), 0.4), torch.eye(3))
    near(flat_modification(torch.diag(torch.tensor([4.0, 1, 0])), 0.0), torch.eye(3))


@pytest.mark.parametrize("seed", range(5))
def test_the_matrix_is_symmetric_bounded_keeps_descent_and_knows_no_scale(seed):
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randn(20, 6, generator=draw, dtype=torch.float64)
    moments, tau = rows.T @ rows, 0.7
    found = flat_modification(moments, tau)
    torch.testing.assert_close(found, found.T)
    values = torch.linalg.eigvalsh(found)
    assert values.min() >= math.exp(-tau) - 1e-9 and values.max() <= 1 + 1e-9
    grad = torch.randn(3, 6, generator=draw, dtype=torch.float64)
    assert (grad * (grad @ found)).sum() >= math.exp(-tau) * grad.square().sum() - 1e-9
    torch.testing.assert_close(flat_modification(100 * moments, tau), found)


def test_a_stage_trains_one_encoder_and_its_head():
    net, balancer, optimizer = bound(IGM(stage_epochs=2), sizes={"a": 3, "b": 5, "c": 2})
    heads = balancer.setting.networks.own
    for epoch in range(8):
        named = [*net.encoders.named_parameters("e"), *heads.named_parameters("h")]
        before = {n: p.detach().clone() for n, p in named}
        taught(net, balancer, optimizer=optimizer)
        moved = {n.split(".")[1 if n[0] == "e" else 2] for n, p in named
                 if not torch.equal(p, before[n])}  # fmt: skip
        assert moved == {"abc"[epoch // 2 % 3]}, epoch


def test_the_heads_gradient_is_modified_by_the_modality_of_the_stage_before():
    net, balancer, optimizer = bound(IGM(stage_epochs=1), sizes={"a": 3, "b": 5, "c": 2})
    heads = balancer.setting.networks.own.heads
    for epoch in range(4):
        inputs, labels = batches(net)[0]
        balancer.loss(net(inputs), labels).backward()
        m, before = "abc"[epoch % 3], "abc"[(epoch - 1) % 3]
        own, bias = heads[m].weight.grad.clone(), heads[m].bias.grad.clone()
        with torch.no_grad():
            rows = torch.cat([net.encoders[before](x[before]) for x, _ in batches(net)])
        balancer.before_step()
        expected = own @ flat_modification(rows.T @ rows, 0.4) if epoch else own
        # The features of a split are kept in float32.
        torch.testing.assert_close(heads[m].weight.grad, expected, rtol=1e-5, atol=1e-7)
        assert torch.equal(heads[m].bias.grad, bias)
        optimizer.step()
        optimizer.zero_grad()
        balancer.epoch_end()


def test_the_loss_is_that_of_the_modality_in_turn_and_optimizers_begin_anew():
    net, balancer, optimizer = bound(IGM(stage_epochs=1))
    heads = balancer.setting.networks.own.heads
    inputs, labels = batches(net)[0]
    for m in "ab":
        loss = balancer.loss(net(inputs), labels)
        assert len(optimizer.state) == 0
        torch.testing.assert_close(
            loss, cross_entropy(heads[m](net.encoders[m](inputs[m])), labels)
        )
        loss.backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        assert len(optimizer.state) > 0
        balancer.epoch_end()


def test_it_predicts_the_mean_of_the_distributions():
    net, balancer, _ = bound(IGM())
    inputs, _ = batches(net)[0]
    with torch.no_grad():
        found = balancer.predict(net(inputs)).softmax(1)
        heads = balancer.setting.networks.own.heads
        each = [heads[m](net.encoders[m](inputs[m])).softmax(1) for m in "ab"]
    torch.testing.assert_close(found, (each[0] + each[1]) / 2)


def test_a_training_that_ends_early_says_who_had_no_stage():
    net, balancer, optimizer = bound(IGM(stage_epochs=2))
    taught(net, balancer, epochs=2, optimizer=optimizer)
    assert balancer.setting.method.note == "only 1 of 2 modalities had a stage"
    taught(net, balancer, optimizer=optimizer)
    assert balancer.setting.method.note == ""


def test_at_temperature_0_gradients_are_left_alone_and_widths_may_differ():
    method = IGM(0.0, stage_epochs=1)
    assert not method.edits_gradients() and not method.rewrites
    net, balancer, optimizer = bound(method)
    taught(net, balancer, epochs=3, optimizer=optimizer)
    assert method.state["matrix"] is None
    assert isinstance(IGM(0.0).modules({"a": 2, "b": 3}, 2), torch.nn.Module)
    with pytest.raises(BalanceError, match=r"found the widths \{'a': 2, 'b': 3\}"):
        IGM().modules({"a": 2, "b": 3}, 2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: Balancer(net, IGM(), encoders_of(net), LinearSplit("head"),
                              loaders={"train": batches(net)}), "leave readout out"),
        (lambda net: Balancer(net, IGM(), encoders_of(net), task=MultiLabel(),
                              loaders={"train": batches(net)}), "IGM does not work for"),
        (lambda net: IGM(-1), "IGM temperature must be"),
        (lambda net: IGM(stage_epochs=0), "IGM stage_epochs must be"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make(Sharing({"a": 3, "b": 5}, 4))
