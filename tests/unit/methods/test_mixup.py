import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from contract.training import assert_same_weights, trained
from equimodal import BalanceError, Balancer, LinearSplit
from equimodal.functional import mixed
from equimodal.methods.mixup import MultimodalMixup, _Mix
from unit.methods.test_modality_dropout import ENCODERS, A, Heads, V, Y, tensor
from unit.two_encoders import Net

SWAP = torch.tensor([1, 0])


class Given(MultimodalMixup):
    """Mixes as it is told."""

    def __init__(self, weight, *partners):
        super().__init__(partner="shared" if len(partners) == 1 else "own")
        self.given = weight, partners

    def _draw(self, passing, rows):
        weight, partners = self.given
        names = passing.modalities.names
        return _Mix(weight, {m: partners[k % len(partners)] for k, m in enumerate(names)})


def made(*given, objective="fused"):
    net = Heads().double()
    return net, Balancer(net, Given(*given), ENCODERS, LinearSplit("head"), objective=objective)


def test_features_logits_and_loss_of_a_mix():
    assert mixed(A, SWAP, 0.3).flatten().tolist() == pytest.approx([0.3, 1.4, 0.7, 0.6])
    assert mixed(V, SWAP, 0.3).flatten().tolist() == pytest.approx([2.1, 0.3, 0.9, 0.7])
    net, balancer = made(0.3, SWAP)
    out = net(A, V)
    assert out.flatten().tolist() == pytest.approx([2.4, 1.7, 1.6, 1.3])
    loss = balancer.loss(out, Y)
    assert loss.item() == pytest.approx(0.768771, abs=1e-6)
    soft = 0.3 * one_hot(Y, 2) + 0.7 * one_hot(Y[SWAP], 2)
    assert cross_entropy(out, soft.double()).item() == pytest.approx(loss.item())


@pytest.mark.parametrize("given", [(1.0, SWAP), (0.3, torch.arange(2)), (0.8, torch.arange(2))])
def test_a_weight_of_1_and_a_row_of_its_own_leave_the_plain_loss_bit_for_bit(given):
    net, balancer = made(*given, objective="fused+unimodal")
    plain = Heads().double()
    other = Balancer(plain, MultimodalMixup(probability=0), ENCODERS, LinearSplit("head"),
                     objective="fused+unimodal")  # fmt: skip
    one, two = balancer.loss(net(A, V), Y), other.loss(plain(A, V), Y)
    assert torch.equal(one, two)
    one.backward()
    two.backward()
    # A row with itself is formed by another graph.
    exact = 0 if given[0] == 1 else 1e-12
    torch.testing.assert_close(net.head.weight.grad, plain.head.weight.grad, rtol=0, atol=exact)


def test_equal_labels_ask_for_that_label():
    net, balancer = made(0.3, SWAP)
    out = net(A, V)
    same = torch.tensor([1, 1])
    torch.testing.assert_close(balancer.loss(out, same), cross_entropy(out, same))


def test_own_losses_are_mixed_like_the_fused_one():
    net, balancer = made(0.3, SWAP, objective="fused+unimodal")
    out = net(A, V)
    expected = sum(
        0.3 * cross_entropy(z, Y) + 0.7 * cross_entropy(z, Y[SWAP])
        for z in (out, mixed(A, SWAP, 0.3), mixed(V, SWAP, 0.3))
    )
    torch.testing.assert_close(balancer.loss(out, Y), expected)


def test_own_partners_ask_for_the_mean_of_their_labels():
    net, balancer = made(0.3, SWAP, torch.arange(2))
    out = net(A, V)
    torch.testing.assert_close(out, mixed(A, SWAP, 0.3) + V)
    others = (cross_entropy(out, Y[SWAP]) + cross_entropy(out, Y)) / 2
    expected = 0.3 * cross_entropy(out, Y) + 0.7 * others
    torch.testing.assert_close(balancer.loss(out, Y), expected)


class Three(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(2, 2) for _ in range(3))

    def forward(self, a, b, c):
        return self.a(a) + self.b(b) + self.c(c)


@pytest.mark.parametrize("partner", ["shared", "own"])
def test_three_modalities_share_partners_and_weight_or_only_the_weight(partner):
    net = Three()
    encoders = {m: m for m in "abc"}
    balancer = Balancer(net, MultimodalMixup(partner=partner), encoders)
    net(*torch.randn(3, 9, 2).unbind())
    mix = balancer.setting.modalities.record._current.drawn["mixed"]
    one, two, three = mix.partners.values()
    assert sorted(one.tolist()) == sorted(three.tolist()) == list(range(9))
    assert torch.equal(one, two) == torch.equal(one, three) == (partner == "shared")
    assert 0 <= mix.weight <= 1


def test_linear_encoders_and_head_mix_the_logits():
    torch.manual_seed(0)
    net, plain = Net().double(), Net().double()
    Balancer(net, Given(0.3, torch.tensor([2, 0, 1])), ENCODERS)
    a, b = torch.randn(3, 3).double(), torch.randn(3, 5).double()
    out = plain(a, b)
    torch.testing.assert_close(net(a, b), 0.3 * out + 0.7 * out[[2, 0, 1]])


@given(st.permutations(range(5)), st.floats(0, 1))
def test_the_loss_of_the_mirrored_mix_is_the_same(order, weight):
    torch.manual_seed(1)
    pi, plain = torch.tensor(order), Net().double()
    a, b, y = torch.randn(5, 3).double(), torch.randn(5, 5).double(), torch.tensor([0, 1, 1, 0, 1])
    losses = []
    for share, partners in ((weight, pi), (1 - weight, pi.argsort())):
        net = Net().double()
        balancer = Balancer(net, Given(share, partners), ENCODERS)
        losses.append(balancer.loss(net(a, b), y).detach())
    assert plain.head.weight.shape == (2, 8)
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-9, atol=1e-9)


def test_weights_are_of_the_beta_distribution():
    net = Net()
    seen = []
    for seed in range(400):
        balancer = Balancer(net, MultimodalMixup(0.2), ENCODERS, seed=seed)
        net(torch.zeros(2, 3), torch.zeros(2, 5))
        seen.append(balancer.setting.modalities.record._current.drawn["mixed"].weight)
        balancer.detach()
    found = torch.tensor(seen, dtype=torch.float64)
    # Mean 1/2 and variance 1 / (4 (2 alpha + 1)).
    assert found.mean().item() == pytest.approx(0.5, abs=0.06)
    assert found.var().item() == pytest.approx(1 / (4 * 1.4), abs=0.015)


def test_batches_are_left_alone_with_the_rest_of_the_chance():
    joint = trained("joint").weights
    assert_same_weights(trained("mixup", settings={"probability": 0.0}).weights, joint)


def test_own_losses_leave_out_rows_whose_partner_lacks_the_modality():
    net, balancer = made(0.3, SWAP, objective="fused+unimodal")
    out = net(A, V)
    present = torch.tensor([[True, True], [True, False]])
    expected = sum(
        0.3 * cross_entropy(z, Y) + 0.7 * cross_entropy(z, Y[SWAP])
        for z in (out, mixed(A, SWAP, 0.3))
    )
    torch.testing.assert_close(balancer.loss(out, Y, present), expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MultimodalMixup(0), "alpha must be a number"),
        (lambda: MultimodalMixup(probability=2), "probability must be a number"),
        (lambda: MultimodalMixup(partner="none"), "partner must be one of shared, own"),
        (lambda: mixed(A, torch.arange(3), 0.5), "partners must have 2 entries; found 3"),
        (lambda: mixed(A, SWAP, 1.5), "weight must be a number"),
        (lambda: mixed(tensor(1), SWAP, 0.5), "partners must have 1 entries"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
