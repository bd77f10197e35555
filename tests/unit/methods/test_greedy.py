"""Greedy: values by hand, and what holds for every input."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from equimodal import (
    MMTM,
    Ablation,
    BalanceError,
    Balancer,
    BranchHead,
    BranchSplit,
    ConditionalSpeed,
    Encoder,
    LinearSplit,
    MultiLabel,
)
from equimodal.functional import conditional_speeds, learning_speed
from unit.two_encoders import Net

ENCODERS = {"a": "a", "b": "b"}


def near(found, expected):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=2e-6, rtol=0
    )


def weight(values, grads):
    """A parameter and its gradient."""
    found = nn.Parameter(torch.tensor(values))
    found.grad = None if grads is None else torch.tensor(grads)
    return found


def branched(classes=3):
    """Two encoders and a head whose branches exchange."""
    net = Net(classes)
    net.head = BranchHead([4, 4], classes)
    return net


def bound(method, net=None, encoders=ENCODERS):
    net = net or branched()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return net, Balancer(net, method, encoders, BranchSplit("head")), optimizer


def batch(seed=0, rows=6, sizes=(3, 5)):
    draw = torch.Generator().manual_seed(seed)
    inputs = [torch.randn(rows, d, generator=draw) for d in sizes]
    return inputs, torch.randint(0, 3, (rows,), generator=draw)


def step(net, balancer, optimizer, seed=0):
    """One update, and whether somebody is cut off in the next."""
    inputs, labels = batch(seed)
    balancer.loss(net(*inputs), labels).backward()
    balancer.before_step()
    optimizer.step()
    optimizer.zero_grad()
    return net.head.exchange.cut.tolist()


def test_speeds_have_the_values_worked_out_by_hand():
    squeeze = weight([2.0, 0], [0.2, 0.1])
    branch = [weight([3.0, 4], [0.3, 0.4]), weight([1.0, 0], [0.1, 0.2])]
    excite = [weight([1.0, 1], [0.1, 0.1]), weight([0.0, 2], [0.3, 0])]
    own = torch.stack([learning_speed([p]) for p in branch])
    shared = torch.stack([learning_speed([squeeze, p]) for p in excite])
    near(own, [0.01, 0.05])
    near(shared, [0.0116667, 0.0175])
    found = conditional_speeds(shared, own)
    near(found, [0.066947, -0.455932])
    near(found.max() - found.min(), 0.522879)
    doubled = torch.stack([own[0] * 4, own[1]])
    near(conditional_speeds(2 * shared, own + doubled), [-0.330993, -0.455932])


def test_a_parameter_without_gradient_counts_in_neither_norm_and_sizes_cancel():
    near(learning_speed([weight([3.0, 4], [0.3, 0.4]), weight([9.0], None)]), 0.01)
    near(learning_speed([weight([30.0, 40], [3.0, 4])]), 0.01)
    near(learning_speed([weight([1.0], None)]), 0)


def test_the_exchange_has_the_values_worked_out_by_hand():
    exchange = MMTM([2, 2], ratio=4)
    with torch.no_grad():
        exchange.squeeze.weight.copy_(torch.tensor([[1.0, 0, -1, 0], [0, 1, 0, 1]]))
        exchange.squeeze.bias.copy_(torch.tensor([0.0, -1]))
        exchange.excite[0].weight.copy_(torch.eye(2))
        exchange.excite[1].weight.copy_(torch.tensor([[0.5, 0.5], [-1, 1]]))
        for layer in exchange.excite:
            layer.bias.zero_()
    maps = (torch.tensor([[1.0, 2], [3, 0]]), torch.tensor([[0.0, 1], [2, 2]]))
    first, second = exchange.gates(maps)
    near(first, [[0.731059, 0.880797], [0.731059, 0.731059]])
    near(second, [[0.817574, 0.731059], [0.731059, 0.5]])
    near(exchange(*maps)[0], maps[0] * first)
    near(exchange.means, [0.731059, 0.805928, 0.774317, 0.615529])
    exchange.cut[0] = True
    cut, other = exchange(*maps)
    near(cut, [[0.731059, 1.611856], [2.193176, 0]])
    near(other, maps[1] * second)
    cut.sum().backward()
    assert not exchange.excite[0].weight.grad.any()
    assert exchange.calls == 2
    exchange.eval()
    near(exchange(*maps)[0], maps[0] * first)
    assert exchange.calls == 2


def test_maps_are_pooled_over_their_positions_and_means_are_of_all_passes():
    exchange, draw = MMTM([2, 3, 4]), torch.Generator().manual_seed(0)
    seen = []
    for _ in range(3):
        maps = [torch.randn(5, d, 4, 6, generator=draw) for d in (2, 3, 4)]
        pooled = exchange.gates([x.mean((2, 3)) for x in maps])
        for x, y, g in zip(exchange(*maps), maps, pooled, strict=True):
            torch.testing.assert_close(x, y * g[:, :, None, None])
        seen.append(torch.cat(pooled, 1).mean(0))
    torch.testing.assert_close(exchange.means, torch.stack(seen).mean(0).detach())


def test_a_regular_update_is_followed_by_as_many_with_a_branch_cut_off():
    net, balancer, _ = bound(ConditionalSpeed(starts=0))
    still = torch.optim.SGD(net.parameters(), lr=0.0)
    on = [any(step(net, balancer, still)) for _ in range(12)]
    assert on == 2 * [True, True, True, True, True, False]
    assert balancer.setting.method.acted
    assert {r.name for r in balancer.decisions.records} == {"speed", "cut"}


def test_nobody_is_cut_off_below_the_threshold_or_before_its_epoch():
    for method in (ConditionalSpeed(50.0, starts=0), ConditionalSpeed(starts=2)):
        net, balancer, optimizer = bound(method)
        for _ in range(2):
            assert not any(any(step(net, balancer, optimizer, k)) for k in range(3))
            balancer.epoch_end()
        assert not method.acted


def test_the_branch_that_learns_most_by_the_exchange_is_cut_off():
    net, balancer, optimizer = bound(ConditionalSpeed(starts=0, updates=1))
    head, sums = net.head, torch.zeros(2, 2)
    for number in range(8):
        inputs, labels = batch(number)
        balancer.loss(net(*inputs), labels).backward()
        if number % 2 == 0:
            for k, m in enumerate("ab"):
                groups = ([head.exchange.squeeze, head.exchange.excite[k]],
                          [net.get_submodule(m), head.classifiers[k]])  # fmt: skip
                for place, layers in enumerate(groups):
                    held = [p for x in layers for p in x.parameters()]
                    grads = sum(p.grad.square().sum() for p in held)
                    sums[place, k] += grads / sum(p.detach().square().sum() for p in held)
        balancer.before_step()
        expected = (sums[0] / sums[1]).argmax() if number % 2 == 0 else -1
        assert head.exchange.cut.tolist() == [k == expected for k in range(2)]
        torch.testing.assert_close(balancer.setting.method.state["sums"], sums)
        optimizer.step()
        optimizer.zero_grad()


def test_at_random_each_branch_is_cut_off_whatever_the_speeds():
    net, balancer, optimizer = bound(ConditionalSpeed(starts=0, updates=1, switch="random"))
    seen = [tuple(step(net, balancer, optimizer, k)) for k in range(24)]
    assert seen[1::2] == 12 * [(False, False)]
    assert set(seen[::2]) == {(True, False), (False, True)}


def test_off_it_is_plain_training_of_the_branches_losses():
    net, balancer, optimizer = bound(ConditionalSpeed(switch="off"))
    other = copy.deepcopy(branched())
    plain = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    for number in range(4):
        step(net, balancer, optimizer, number)
        inputs, labels = batch(number)
        features = [other.a(inputs[0]), other.b(inputs[1])]
        gated = other.head.exchange(*features)
        logits = [f(x) for f, x in zip(other.head.classifiers, gated, strict=True)]
        sum(cross_entropy(z, labels) for z in logits).backward()
        plain.step()
        plain.zero_grad()
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-7)
    torch.testing.assert_close(net.head.exchange.means, other.head.exchange.means)
    assert not balancer.setting.method.edits_gradients() and balancer.setting.method.acted


def test_gradients_that_are_no_numbers_change_nothing():
    net, balancer, optimizer = bound(ConditionalSpeed(starts=0, updates=2))
    assert any(step(net, balancer, optimizer))
    before = copy.deepcopy(balancer.setting.method.state)
    inputs, labels = batch()
    balancer.loss(net(*inputs), labels).backward()
    net.head.classifiers[0].weight.grad[0, 0] = torch.inf
    balancer.before_step()
    after = balancer.setting.method.state
    assert all(torch.equal(torch.as_tensor(after[k]), torch.as_tensor(before[k])) for k in before)


class Deep(nn.Module):
    """Branches that exchange twice: between their layers, and in the head."""

    def __init__(self):
        super().__init__()
        self.first = nn.ModuleDict({"a": nn.Linear(3, 6), "b": nn.Linear(5, 4)})
        self.exchange = MMTM([6, 4])
        self.second = nn.ModuleDict({"a": nn.Linear(6, 4), "b": nn.Linear(4, 4)})
        self.head = BranchHead([4, 4], 3)

    def forward(self, a, b):
        between = self.exchange(self.first["a"](a), self.first["b"](b))
        made = [f(x.tanh()) for f, x in zip(self.second.values(), between, strict=True)]
        return self.head(torch.cat(made, 1))


def test_a_model_of_your_own_may_exchange_at_several_depths():
    net = Deep()
    encoders = {m: Encoder([f"first.{m}", f"second.{m}"], features=f"second.{m}") for m in "ab"}
    _, balancer, optimizer = bound(ConditionalSpeed(0.0, starts=0), net, encoders)
    assert any(step(net, balancer, optimizer))
    assert torch.equal(net.exchange.cut, net.head.exchange.cut) and net.exchange.calls == 1


def test_branches_are_of_the_pass_that_was_made_and_their_mean_is_predicted():
    net, balancer, _ = bound(ConditionalSpeed())
    inputs, labels = batch()
    logits = net(*inputs)
    found = balancer.setting.readout(
        balancer.setting.modalities, balancer.setting.modalities.record.take_features()
    )
    torch.testing.assert_close((found["a"] + found["b"]) / 2, logits)
    net.head.exchange.eval()  # the running means stay as they were
    loss = balancer.loss(net(*inputs), labels)
    torch.testing.assert_close(loss, sum(cross_entropy(z, labels) for z in found.values()))


class Halved(Net):
    """Gives half of what its head does."""

    def forward(self, a, b):
        return super().forward(a, b) / 2


def test_logits_that_are_not_the_mean_of_the_branches_are_refused():
    net = Halved(3)
    net.head = BranchHead([4, 4], 3)
    _, balancer, _ = bound(ConditionalSpeed(), net)
    inputs, labels = batch()
    with pytest.raises(BalanceError, match="the mean of the branches' logits is not what"):
        balancer.loss(net(*inputs), labels)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Balancer(Net(3), ConditionalSpeed(), ENCODERS, LinearSplit("head")),
         "found no BranchHead in Net. Write BranchHead"),
        (lambda: Balancer(Net(3), ConditionalSpeed(), ENCODERS, BranchSplit("head")),
         "reads a BranchHead; found Linear"),
        (lambda: Balancer(branched(), ConditionalSpeed(), ENCODERS, BranchSplit("head"),
                          task=MultiLabel()), "ConditionalSpeed does not work for"),
        (lambda: ConditionalSpeed(-1), "ConditionalSpeed eps must be"),
        (lambda: ConditionalSpeed(updates=0), "ConditionalSpeed updates must be"),
        (lambda: ConditionalSpeed(switch="x"), "ConditionalSpeed switch must be one of"),
        (lambda: ConditionalSpeed(0.5, switch="random"), "eps has no effect with switch='random'"),
        (lambda: ConditionalSpeed(updates=3, switch="off"), "updates has no effect"),
        (lambda: MMTM([4]), "two branches or more"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make()


def test_a_readout_of_something_else_is_refused():
    net = branched()
    balancer = Balancer(net, ConditionalSpeed(), ENCODERS, Ablation("zero"))
    inputs, labels = batch()
    with pytest.raises(BalanceError, match="pass readout=BranchSplit"):
        balancer.loss(net(*inputs), labels)
