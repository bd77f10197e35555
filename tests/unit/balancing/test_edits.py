"""Edits of one update multiply and add in the order in which they were made."""

import pytest
import torch

from equimodal import Balancer, LinearSplit, Method
from unit.two_encoders import Net

ENCODERS = {"a": "a", "b": "b"}


class Edited(Method):
    """Does to the gradients what a test says."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def on_gradients(self, step):
        self.act(step)


def half(*values):
    return {m: torch.tensor(v) for m, v in zip("ab", values, strict=True)}


def rows(step, factor):
    """The factor on the first row of every weight."""
    return [
        (part, torch.tensor([factor, 1.0, 1.0, 1.0]))
        for m in step.modalities.names
        for layer in step.modalities.units(m)
        for part in layer.parts
    ]


def update(act, on, *, momentum=0.0, steps=1):
    """How the weights move in the last of some updates, and as they would by the gradient alone."""
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=momentum, weight_decay=0.1)
    balancer = Balancer(
        net, Edited(act), ENCODERS, LinearSplit("head"), on=on, optimizers=[optimizer]
    )
    draw = torch.Generator().manual_seed(0)
    for _ in range(steps):
        a, b = torch.randn(6, 3, generator=draw), torch.randn(6, 5, generator=draw)
        balancer.loss(net(a, b), torch.tensor([0, 1] * 3)).backward()
        before = {n: p.detach().clone() for n, p in net.named_parameters()}
        plain = {n: p.grad.clone() for n, p in net.named_parameters()}
        balancer.before_step()
        edited = {n: p.grad.clone() for n, p in net.named_parameters()}
        optimizer.step()
        optimizer.zero_grad()
    moved = {n: p.detach() - before[n] for n, p in net.named_parameters()}
    return before, plain, edited, moved


@pytest.mark.parametrize(
    "act",
    [
        lambda s: (s.scale(half(0.5, 1.0)), s.scale(half(0.5, 1.0))),
        lambda s: (s.scale(half(0.5, 1.0)), s.apply(rows(s, 0.5))),
        lambda s: (s.apply(rows(s, 0.5)), s.scale(half(0.5, 1.0), "all")),
        lambda s: (s.apply(rows(s, 0.5)), s.apply(rows(s, 0.5))),
    ],
    ids=["scales", "scale and mask", "mask and scale", "masks"],
)
@pytest.mark.parametrize("on", ["gradient", "update"])
def test_factors_that_meet_in_a_weight_multiply(act, on):
    before, plain, _, moved = update(act, on)
    grad, weight = plain["a.weight"][0], before["a.weight"][0]
    factor = -0.1 * 0.25
    wanted = factor * grad - 0.01 * weight if on == "gradient" else factor * (grad + 0.1 * weight)
    torch.testing.assert_close(moved["a.weight"][0], wanted)
    torch.testing.assert_close(
        moved["head.weight"], -0.1 * (plain["head.weight"] + 0.1 * before["head.weight"])
    )


def test_a_factor_of_everything_holds_for_biases_and_one_of_weights_does_not():
    for which, kept in (("all", 0.0), ("weights", 1.0)):
        _, plain, edited, _ = update(lambda s, w=which: s.scale(half(0.0, 1.0), w), "gradient")
        assert not edited["a.weight"].any()
        torch.testing.assert_close(edited["a.bias"], kept * plain["a.bias"])
        torch.testing.assert_close(edited["b.weight"], plain["b.weight"])


def test_an_encoder_at_a_factor_of_0_on_the_update_stands_still_under_momentum():
    at = []

    def stop(step):
        at.append(step.index)
        step.scale(half(float(step.index == 0), 1.0), "all")

    _, _, _, moved = update(stop, "update", momentum=0.9, steps=2)
    assert at == [0, 1]
    assert not moved["a.weight"].any() and not moved["a.bias"].any()
    assert moved["b.weight"].any()


def test_noise_is_added_behind_the_factors_that_were_there():
    def noisy(step):
        spreads = step.spreads("a")
        step.scale(half(0.0, 1.0))
        step.add_noise("a", spreads)
        step.scale(half(2.0, 1.0))

    _, plain, edited, _ = update(noisy, "gradient")
    draws = torch.randn(12, generator=torch.Generator().manual_seed(1)).view(4, 3)
    torch.testing.assert_close(edited["a.weight"], 2 * plain["a.weight"].std() * draws)
    assert torch.equal(edited["b.weight"], plain["b.weight"])


def test_noise_on_the_update_is_added_to_the_gradient():
    _, plain, edited, _ = update(lambda s: s.add_noise("a", s.spreads("a")), "update")
    assert not torch.equal(edited["a.weight"], plain["a.weight"])
    assert torch.equal(edited["a.bias"], plain["a.bias"])
