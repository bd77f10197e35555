import copy
import inspect
import warnings

import pytest
import torch
from torch import nn

from equimodal import Balancer, LinearSplit, methods
from equimodal.balancing.updates.edits import GradientEdits, UpdateEdits
from equimodal.balancing.updates.optimizers import forget, normalises
from equimodal.parts.units import find_units

FACTOR = torch.tensor([0.0, 1.0, 2.0])


def layer_with_gradient(kind=nn.Linear, *shape):
    torch.manual_seed(0)
    layer = kind(*(shape or (4, 3)))
    for parameter in layer.parameters():
        parameter.grad = torch.randn_like(parameter)
    return layer


def parts_of(layer):
    return find_units(layer)[0].parts


def test_gradients_are_multiplied_in_place_unit_by_unit():
    layer = layer_with_gradient()
    grad, bias = layer.weight.grad, layer.bias.grad.clone()
    expected = grad * FACTOR[:, None]
    GradientEdits().scale_units([(p, FACTOR) for p in parts_of(layer)])
    assert layer.weight.grad is grad
    assert torch.equal(grad, expected)
    assert torch.equal(layer.bias.grad, bias)


def test_gradients_of_gates_are_multiplied_gate_by_gate():
    gru = layer_with_gradient(nn.GRU, 2, 3)
    expected = gru.weight_hh_l0.grad * FACTOR.repeat(3)[:, None]
    GradientEdits().scale_units([(p, FACTOR) for p in parts_of(gru)])
    assert torch.equal(gru.weight_hh_l0.grad, expected)


def test_half_precision_and_channels_last_gradients_are_multiplied_too():
    layer = layer_with_gradient(nn.Conv2d, 2, 3, 2).bfloat16()
    layer.weight.data = layer.weight.data.to(memory_format=torch.channels_last)
    layer.weight.grad = layer.weight.detach().clone()
    expected = layer.weight.grad * FACTOR.bfloat16()[:, None, None, None]
    GradientEdits().scale_units([(p, FACTOR) for p in parts_of(layer)])
    assert torch.equal(layer.weight.grad, expected)


def test_a_part_without_a_gradient_is_skipped():
    layer = nn.Linear(4, 3)
    GradientEdits().scale_units([(p, FACTOR) for p in parts_of(layer)])
    assert layer.weight.grad is None


def scaling(*optimizers):
    made = UpdateEdits()
    made.follow(optimizers)
    return made


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.AdamW])
def test_the_difference_made_by_the_optimizer_is_multiplied(make):
    layer = layer_with_gradient()
    free = copy.deepcopy(layer)
    free.weight.grad, free.bias.grad = layer.weight.grad.clone(), layer.bias.grad.clone()
    old = layer.weight.detach().clone()
    optimizer, plain = (make(x.parameters(), lr=0.1, weight_decay=0.1) for x in (layer, free))
    scaling(optimizer).scale_units([(p, FACTOR) for p in parts_of(layer)])
    optimizer.step()
    plain.step()

    assert torch.equal(layer.weight[0], old[0])
    assert torch.equal(layer.weight[1], free.weight[1])
    torch.testing.assert_close(layer.weight[2], old[2] + 2 * (free.weight[2] - old[2]))
    assert torch.equal(layer.bias, free.bias)


def test_factors_hold_for_one_step_only():
    layer = layer_with_gradient()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    scaling(optimizer).scale_units([(p, FACTOR) for p in parts_of(layer)])
    optimizer.step()
    before = layer.weight.detach().clone()
    optimizer.step()
    assert not torch.equal(layer.weight[0], before[0])


def test_each_optimizer_scales_its_own_parameters():
    first, second = layer_with_gradient(), layer_with_gradient()
    one, two = (torch.optim.SGD(x.parameters(), lr=0.1) for x in (first, second))
    old = second.weight.detach().clone()
    scaling(one, two).scale_units([(p, FACTOR) for x in (first, second) for p in parts_of(x)])
    one.step()
    assert torch.equal(second.weight, old)
    two.step()
    assert torch.equal(second.weight[0], old[0])
    assert not torch.equal(second.weight[1], old[1])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(2, 3), nn.Linear(2, 3), nn.Linear(6, 2)

    def forward(self, a, b):
        return self.head(torch.cat([self.a(a), self.b(b)], 1))


def balancer(make, name="amss", **options):
    net = Net()
    optimizer = make(net.parameters(), lr=0.1)
    encoders = {"a": "a", "b": "b"}
    return Balancer(net, methods.create(name), encoders, LinearSplit("head"),
                    optimizers=[optimizer], **options)  # fmt: skip


@pytest.mark.parametrize("make", [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
def test_an_optimizer_that_normalises_is_warned_about_at_the_users_own_line(make):
    with pytest.warns(UserWarning, match=f"AMSS scales gradients, and {make.__name__}") as caught:
        balancer(make)
    lines, first = inspect.getsourcelines(balancer)
    (told,) = caught
    assert told.filename == __file__
    assert first <= told.lineno < first + len(lines)


OPTIMIZERS = {
    **dict.fromkeys(("SGD", "ASGD"), False),
    **dict.fromkeys(
        ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "Adagrad", "Adadelta",
         "SparseAdam"), True,
    ),
    "Adafactor": True, "Muon": True, "LBFGS": False,
}  # fmt: skip


class Sign(torch.optim.Optimizer):
    """A sign descent of somebody else, which takes what no other takes."""

    def __init__(self, params, scale, *, lr=0.1):
        super().__init__(params, {"lr": lr, "scale": scale})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * group["scale"] * p.grad.sign()


class Descent(Sign):
    """Plain descent under a name that says otherwise."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p -= group["lr"] * group["scale"] * p.grad


class AdamLike(Descent):
    pass


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_whether_an_optimizer_normalises_is_measured(name):
    if not hasattr(torch.optim, name):
        pytest.skip(f"this PyTorch has no {name}")
    weight = nn.Parameter(torch.ones(4, 3))
    optimizer = getattr(torch.optim, name)([weight], lr=0.0 if name != "SparseAdam" else 0.1)
    before = (torch.get_rng_state(), copy.deepcopy(optimizer.state_dict()), weight.clone())
    assert normalises(optimizer) is OPTIMIZERS[name]
    assert torch.equal(before[0], torch.get_rng_state())
    assert str(before[1]) == str(optimizer.state_dict())
    assert torch.equal(before[2], weight)


def test_optimizers_of_others_are_measured_too():
    weight = nn.Parameter(torch.ones(4, 3))
    assert normalises(Sign([weight], 2.0))
    assert not normalises(AdamLike([weight], 2.0))
    assert normalises(torch.optim.Adam([weight], lr=0.1, weight_decay=0.1, amsgrad=True))
    groups = [{"params": [weight], "betas": (0.5, 0.9)}, {"params": [nn.Parameter(weight + 1)]}]
    assert normalises(torch.optim.Adam(groups, lr=torch.tensor(0.1)))
    # An epsilon that is larger than any gradient leaves Adam plain.
    assert not normalises(torch.optim.Adam([weight], eps=1e4))


def test_plain_sgd_masks_on_updates_and_other_methods_are_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        balancer(torch.optim.SGD)
        balancer(torch.optim.Adam, on="update")
        balancer(torch.optim.Adam, "joint")
        balancer(torch.optim.Adam, "dus")


class Wrapper(torch.optim.Optimizer):
    """What Accelerate, Fabric and Lightning put around an optimizer."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


def test_optimizers_may_be_attached_later_and_twice_and_in_wrappers():
    torch.manual_seed(0)
    net = Net()
    made = Balancer(net, methods.create("amss"), {"a": "a", "b": "b"}, LinearSplit("head"),
                    on="update")  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    made.attach(Wrapper(Wrapper(optimizer)))
    made.attach(optimizer, Wrapper(optimizer))
    assert made.setting.optimizers == (optimizer,)
    made.loss(net(torch.randn(4, 2), torch.randn(4, 2)), torch.tensor([0, 1, 0, 1])).backward()
    made.before_step()
    before = net.a.weight.detach().clone()
    optimizer.step()
    still = (net.a.weight == before).all(1).sum()
    assert 0 < still < 3


def test_what_optimizers_know_of_parameters_is_forgotten():
    layers = [nn.Linear(2, 2) for _ in range(2)]
    optimizers = [torch.optim.SGD(x.parameters(), lr=0.1, momentum=0.9) for x in layers]
    for layer, optimizer in zip(layers, optimizers, strict=True):
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    kept = layers[1].bias
    forget(optimizers, [*layers[0].parameters(), layers[1].weight])
    assert [len(o.state) for o in optimizers] == [0, 1]
    assert kept in optimizers[1].state
