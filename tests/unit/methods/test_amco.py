"""AMCo's port: values by hand, and what holds for every input."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from equimodal import Ablation, AMCo, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.functional import mask_share, modality_masses
from unit.two_encoders import Net

ENCODERS, WIDTH = {"a": "a", "b": "b"}, 4


def near(found, expected):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=2e-6, rtol=0
    )


def batch(rows=4, seed=0):
    draw = torch.Generator().manual_seed(seed)
    inputs = {m: torch.randn(rows, d, generator=draw) for m, d in (("a", 3), ("b", 5))}
    return inputs, torch.randint(0, 5, (rows,), generator=draw)


def bound(method, *, epochs=10, **options):
    """A model whose first modality speaks louder, and its balancer."""
    net = Net(classes=5)
    with torch.no_grad():
        net.head.weight[:, :WIDTH] *= 5
    return net, Balancer(net, method, ENCODERS, LinearSplit("head"), epochs=epochs, **options)


def parts(net, inputs):
    """Exact parts of the head. {m: (N, C)}"""
    weight, bias = net.head.weight, net.head.bias / 2
    blocks = zip("ab", weight.split(WIDTH, 1), strict=True)
    return {m: net.get_submodule(m)(inputs[m]) @ w.T + bias for m, w in blocks}


def step(net, balancer, inputs, labels, present=None):
    """One update without a step of an optimizer. -> ()"""
    loss = balancer.loss(net(**inputs), labels, present)
    loss.backward()
    balancer.before_step()
    net.zero_grad()
    return loss.detach()


def test_masses_have_the_values_worked_out_by_hand():
    found = modality_masses(torch.tensor([[[2.0, 0], [1, 0]], [[0, 0.5], [0, 1]]]))
    near(found.mean(1), [0.630016, 0.369984])
    near(modality_masses(torch.zeros(2, 1, 4)), [[0.5], [0.5]])
    near(modality_masses(torch.zeros(3, 1, 4)).sum(0), [1])
    near(modality_masses(torch.tensor([[[1.0, 2]], [[-math.inf] * 2]]))[:, 0], [1, 0])


def test_the_ramp_has_the_values_worked_out_by_hand():
    for progress, share in ((0, 0), (0.1, 0.5), (0.15, 0.707107), (0.3, 1), (2, 1)):
        assert mask_share(progress, 0.3) == pytest.approx(share, abs=1e-6)
    counts = [int(c * mask_share(t, 0.3) + 1e-9) for c in (6, 31) for t in (0, 0.1, 0.15, 0.3)]
    assert counts == [0, 3, 4, 6, 0, 15, 21, 31]


def test_losses_of_masked_logits_have_the_values_worked_out_by_hand():
    a, b = torch.tensor([[2.0, 0], [1, 0]]), torch.tensor([[0.0, 0.5], [0, 1]])
    labels, masked = torch.tensor([0, 1]), a * torch.tensor([0, 1])
    near(cross_entropy(masked + b, labels, reduction="none"), [0.974077, 0.313262])
    near(cross_entropy(masked, labels, reduction="none"), [math.log(2)] * 2)


@pytest.mark.parametrize("own", ["unmasked", "masked"])
@pytest.mark.parametrize("dependent", [None, "a"])
def test_the_dominant_modalitys_logits_of_random_classes_are_zero_in_the_next_batch(own, dependent):
    net, balancer = bound(AMCo(own=own, eps=1.0))
    method = balancer.setting.method
    inputs, labels = batch()
    balancer.epoch_index = 5
    if dependent:
        step(net, balancer, *batch(seed=1))
        assert method.state["dependent"].tolist() == [True, False]
    before = torch.get_rng_state()
    found = balancer.loss(net(**inputs), labels)
    assert torch.equal(torch.get_rng_state(), before)
    own_logits = parts(net, inputs)
    masks = []
    for zeros in torch.combinations(torch.arange(5), 3):  # sin(pi / 4) of 5 classes
        kept = torch.ones(5)
        kept[zeros] = 0
        masks.append(kept if dependent else torch.ones(5))
    expected = []
    for kept in masks:
        masked = {**own_logits, "a": own_logits["a"] * kept}
        alone = masked if own == "masked" else own_logits
        expected.append(
            cross_entropy(masked["a"] + masked["b"], labels)
            + sum(cross_entropy(z, labels) for z in alone.values())
        )
    assert min(float((found - x).detach().abs()) for x in expected) < 1e-5
    assert method.acted == bool(dependent)


def test_masks_change_from_update_to_update_and_give_no_gradient_to_what_they_hide():
    net, balancer = bound(AMCo(eps=1.0))
    balancer.epoch_index, seen = 5, set()
    inputs, labels = batch()
    for _ in range(6):
        loss = balancer.loss(net(**inputs), labels)
        alone = sum(cross_entropy(z, labels) for z in parts(net, inputs).values())
        block = net.head.weight[:, :WIDTH]
        (whole,) = torch.autograd.grad(loss, net.head.weight, retain_graph=True)
        (own,) = torch.autograd.grad(alone, net.head.weight)
        fused = (whole - own)[:, : block.shape[1]]
        seen.add(tuple((fused.abs() < 1e-6).all(1).tolist()))
        loss.backward()
        balancer.before_step()
        net.zero_grad()
    assert len(seen) > 2 and {sum(s) for s in seen} == {0, 3}


def test_before_anything_is_masked_it_is_joint_with_unimodal_losses():
    net, balancer = bound(AMCo())
    inputs, labels = batch()
    for _ in range(2):
        expected = cross_entropy(net(**inputs), labels)
        expected = expected + sum(cross_entropy(z, labels) for z in parts(net, inputs).values())
        torch.testing.assert_close(step(net, balancer, inputs, labels), expected.detach())
    assert not balancer.setting.method.acted
    (one, _) = balancer.decisions.records
    own = torch.stack(list(parts(net, inputs).values()))
    torch.testing.assert_close(one.values, modality_masses(own).mean(1).detach())


def test_the_ports_ramp_restarts_in_every_epoch():
    net, balancer = bound(AMCo(ramp="port"), epochs=None)
    method = balancer.setting.method
    shares = []
    for _ in range(3):
        for number in range(4):
            inputs, labels = batch(seed=number)
            plain = cross_entropy(net(**inputs), labels)
            plain = plain + sum(cross_entropy(z, labels) for z in parts(net, inputs).values())
            found = step(net, balancer, inputs, labels)
            shares.append(float((found - plain.detach()).abs()) > 1e-6)
        balancer.epoch_end()
    # Epoch 0 masks nothing, and the first batch of every epoch has no mask.
    assert shares[:5] == [False] * 5 and not shares[8] and any(shares[5:8]) and all(shares[9:])
    assert "epochs" not in method.needs


def test_the_control_masks_the_first_modality_though_another_dominates():
    net, balancer = bound(AMCo(masked="first"))
    with torch.no_grad():
        net.head.weight[:, :WIDTH] /= 1000
    inputs, labels = batch()
    balancer.epoch_index = 9
    step(net, balancer, inputs, labels)
    found = balancer.loss(net(**inputs), labels)
    own = parts(net, inputs)
    expected = cross_entropy(own["b"], labels) + sum(cross_entropy(z, labels) for z in own.values())
    torch.testing.assert_close(found, expected)


def test_a_row_that_lacks_a_modality_gives_its_mass_to_the_others():
    net, balancer = bound(AMCo())
    inputs, labels = batch()
    present = torch.tensor([[True, True], [False, True], [False, True], [False, True]])
    step(net, balancer, inputs, labels, present)
    own = torch.stack(list(parts(net, inputs).values()))
    first = float(modality_masses(own)[0, 0].detach()) / 4
    near(balancer.decisions.records[0].values, [first, 1 - first])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: Balancer(net, AMCo(), ENCODERS, Ablation("zero"), epochs=4),
         "reads the part of a linear head"),
        (lambda net: Balancer(net, AMCo(), ENCODERS, LinearSplit("head"), task=MultiLabel()),
         "AMCo does not work for"),
        (lambda net: AMCo(0.4), "AMCo sigma must be"),
        (lambda net: AMCo(eps=0), "AMCo eps must be"),
        (lambda net: AMCo(ramp="x"), "AMCo ramp must be one of"),
        (lambda net: AMCo(own="x"), "AMCo own must be one of"),
        (lambda net: AMCo(0.6, masked="first"), "AMCo sigma has no effect"),
        (lambda net: mask_share(-1, 0.3), "progress must be"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make(Net(classes=5))
