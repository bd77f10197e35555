"""Networks that are trained beside the model: a method's own, and the heads of a readout."""

import copy

import pytest
import torch
from torch import nn

from equimodal import (
    Ablation,
    AuxiliaryHeads,
    BalanceError,
    Balancer,
    LinearSplit,
    Method,
    methods,
)  # fmt: skip
from equimodal.methods.composition import Composition
from unit.two_encoders import Net

NAMES = {"a": "a", "b": "b"}
BATCH = (torch.ones(3, 3), torch.ones(3, 5), torch.tensor([0, 1, 1]))


class Probed(Method):
    """Trains a linear layer on all features, beside the objective."""

    needs = frozenset({"features", "widths"})

    def modules(self, widths, outputs):
        self.seen = dict(widths), outputs
        self.net = nn.Linear(sum(widths.values()), outputs)
        return self.net

    def on_loss(self, step):
        given = torch.cat([f.detach() for f in step.features.values()], 1)
        return step.objective_loss + step.task.loss(self.net(given), step.target)


class Idle(Probed):
    def modules(self, widths, outputs):
        return None

    def on_loss(self, step):
        return step.objective_loss


def made(method, *, example=BATCH, readout=None, net=None, optimized=True, **options):
    net = net or Net()
    balancer = Balancer(net, method, NAMES, readout, example=example, **options)
    every = [*net.parameters(), *(balancer.parameters() if optimized else ())]
    optimizer = torch.optim.SGD(every, lr=0.1, momentum=0.9)
    balancer.attach(optimizer)
    return net, balancer, optimizer


def train(net, balancer, optimizer, steps=3):
    draw = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(steps):
        a, b = torch.randn(6, 3, generator=draw), torch.randn(6, 5, generator=draw)
        loss = balancer.loss(net(a, b), (a[:, 0] > 0).long())
        loss.backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    return losses


def test_a_network_is_as_wide_as_the_model_and_is_trained():
    method = Probed()
    net, balancer, optimizer = made(method)
    assert method.seen == ({"a": 4, "b": 4}, 2)
    assert list(balancer.parameters()) == list(method.net.parameters())
    before = method.net.weight.clone()
    train(net, balancer, optimizer)
    assert not torch.equal(method.net.weight, before)


def test_the_first_batch_of_a_loader_shows_the_sizes_too():
    method = Probed()
    made(method, example=None, loaders={"train": [BATCH]})
    assert method.seen == ({"a": 4, "b": 4}, 2)


def test_a_network_is_of_the_models_type():
    method = Probed()
    made(method, net=Net().double(), example=tuple(x.double() for x in BATCH[:2]) + BATCH[2:])
    assert method.net.weight.dtype == torch.float64


def test_weights_follow_from_the_seed_and_leave_the_global_stream_alone():
    found = []
    for seed in (0, 0, 1):
        net = Net()
        state = torch.get_rng_state()
        method = Probed()
        made(method, net=net, seed=seed)
        assert torch.equal(torch.get_rng_state(), state)
        found.append(method.net.weight.detach().clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_the_dry_pass_leaves_statistics_and_modes_as_they_were():
    net = Net()
    net.a = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = copy.deepcopy(net.state_dict())
    made(Probed(), net=net)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(m.training for m in net.modules())


@pytest.mark.parametrize("method", [Idle(), methods.create("joint")])
def test_a_method_without_a_network_offers_nothing(method):
    example = BATCH if isinstance(method, Idle) else None
    _, balancer, _ = made(method, example=example)
    assert list(balancer.parameters()) == []
    assert balancer.state_dict()["networks"] is None


def test_a_restart_takes_the_network_over():
    whole = made(method := Probed())
    train(*whole, steps=4)
    net, balancer, optimizer = made(Probed())
    train(net, balancer, optimizer, steps=4)
    state = copy.deepcopy([net.state_dict(), optimizer.state_dict()]), balancer.state_dict()
    train(net, balancer, optimizer)  # the state must not move on
    second = made(again := Probed(), seed=3)
    second[0].load_state_dict(state[0][0])
    second[2].load_state_dict(state[0][1])
    second[1].load_state_dict(state[1])
    assert torch.equal(again.net.weight, method.net.weight)
    assert train(*second) == train(*whole)


def test_another_networks_state_is_refused_and_changes_nothing():
    _, balancer, _ = made(method := Probed())
    weight = method.net.weight.detach().clone()
    state = balancer.state_dict()
    with pytest.raises(BalanceError, match="its networks is 'nothing'"):
        balancer.load_state_dict({k: v for k, v in state.items() if k != "networks"})
    wrong = {"weight": weight + 1, "bias": torch.zeros(5)}
    with pytest.raises(BalanceError, match="cannot be read by Probed"):
        balancer.load_state_dict(state | {"networks": wrong})
    assert torch.equal(method.net.weight, weight)


def test_a_network_that_no_optimizer_holds_is_refused():
    for optimized in (False, None):
        net, balancer, optimizer = made(Probed(), optimized=False)
        if optimized is None:
            balancer.setting.optimizers = ()
        with pytest.raises(BalanceError, match=r"Probed trains a network.*balancer.parameters\(\)"):
            train(net, balancer, optimizer)
    optimizer.add_param_group({"params": list(balancer.parameters())})
    balancer.attach(optimizer)
    train(net, balancer, optimizer)


def test_a_host_that_clears_the_models_gradients_alone_leaves_none_behind():
    found = []
    for clears in ("optimizer", "model"):
        net, balancer, optimizer = made(method := Probed())
        for seed in range(3):
            draw = torch.Generator().manual_seed(seed)
            a, b = torch.randn(6, 3, generator=draw), torch.randn(6, 5, generator=draw)
            for part in (slice(0, 3), slice(3, 6)):
                labels = (a[part, 0] > 0).long()
                (balancer.loss(net(a[part], b[part]), labels) / 2).backward()
            balancer.before_step()
            optimizer.step()
            (optimizer if clears == "optimizer" else net).zero_grad()
        found.append(method.net.weight.detach().clone())
    assert torch.equal(*found)


def test_heads_that_no_optimizer_holds_are_told_once():
    net, balancer, optimizer = made(
        methods.create("ogm"), readout=AuxiliaryHeads({"a": 4, "b": 4}, 2), optimized=False
    )
    with pytest.warns(UserWarning, match="No optimizer that the balancer knows holds") as told:
        train(net, balancer, optimizer)
    assert len(told) == 1


def test_what_shows_no_size_is_refused():
    with pytest.raises(BalanceError, match=r"Probed trains a network.*example=batch"):
        made(Probed(), example=None)
    with pytest.raises(BalanceError, match=r"found one without \['b'\]"):
        Balancer(Half(), Probed(), NAMES, example=BATCH)


class Half(Net):
    """Runs one encoder."""

    def forward(self, a, b):
        return self.head(torch.cat([self.a(a), torch.zeros(len(a), 4)], 1))


def test_what_is_no_network_is_refused():
    class Wrong(Probed):
        def modules(self, widths, outputs):
            return [nn.Linear(1, 1)]

    with pytest.raises(BalanceError, match=r"Wrong.modules\(\) must give a module"):
        made(Wrong())


def test_methods_together_have_each_their_network():
    class Ending(Probed):
        on_loss = Method.on_loss

        def on_epoch_end(self, epoch):
            pass

    first, second = Probed(), Ending()
    _, balancer, _ = made(Composition(first, second))
    own = [id(p) for n in (first.net, second.net) for p in n.parameters()]
    assert [id(p) for p in balancer.parameters()] == own


class TestAttachedHeads:
    """Heads on features that carry gradient."""

    def test_unimodal_losses_train_heads_and_encoders(self):
        heads = AuxiliaryHeads({"a": 4, "b": 4}, 2, attached=True)
        net, balancer, _ = made(
            methods.create("joint"), readout=heads, objective="fused+unimodal"
        )  # fmt: skip
        a, b, y = BATCH
        balancer.loss(net(a, b), y).backward()
        found = [p.grad.clone() for p in (*net.parameters(), *heads.parameters())]

        net.zero_grad()
        heads.zero_grad()
        cross = nn.functional.cross_entropy
        parts = {"a": net.a(a), "b": net.b(b)}
        expected = cross(net.head(torch.cat(list(parts.values()), 1)), y)
        for m, z in parts.items():
            expected = expected + cross(heads.heads[m](z), y)
        expected.backward()
        for one, p in zip(found, (*net.parameters(), *heads.parameters()), strict=True):
            torch.testing.assert_close(one, p.grad)

    def test_they_are_refused_where_no_unimodal_loss_is_trained(self):
        heads = AuxiliaryHeads({"a": 4, "b": 4}, 2, attached=True)
        with pytest.raises(BalanceError, match="attached features is trained by unimodal losses"):
            made(methods.create("ogm"), readout=heads)

    @pytest.mark.parametrize("name", ["mmpareto", "joint+unimodal", "dus"])
    def test_methods_of_unimodal_losses_train_them(self, name):
        heads = AuxiliaryHeads({"a": 4, "b": 4}, 2, attached=True)
        before = copy.deepcopy(heads.state_dict())
        train(*made(methods.create(name), readout=heads))
        assert all(not torch.equal(v, before[k]) for k, v in heads.state_dict().items())


def test_readouts_offer_their_weights():
    net, balancer, _ = made(methods.create("joint"), readout=LinearSplit("head"))
    a, b, y = BATCH
    balancer.loss(net(a, b), y)
    modalities, split = balancer.setting.modalities, balancer.setting.readout
    features = {"a": net.a(a), "b": net.b(b)}
    block = split.weights(modalities, features)["b"]
    assert torch.equal(block, net.head.weight[:, 4:])
    block.sum().backward()
    assert torch.equal(net.head.weight.grad, torch.tensor([[0.0] * 4 + [1.0] * 4] * 2))
    heads = AuxiliaryHeads({"a": 4, "b": 4}, 2)
    assert heads.weights(modalities, features)["a"] is heads.heads["a"].weight


def test_a_readout_without_such_weights_says_so():
    assert Ablation("zero").weights(None, {}) is None
