"""MLA: values by hand, and what holds for every input."""

import math

import pytest
import torch
from torch import nn

from equimodal import MLA, Ablation, BalanceError, Balancer, LinearSplit, MultiLabel, SharedHead
from equimodal.functional import confidence_weights, next_projection
from unit.methods.turns import Sharing, batches, encoders_of, taught

R = torch.tensor([2.0, 2.0, 2.0], dtype=torch.float64)
EYE = torch.eye(3, dtype=torch.float64)


def near(found, expected, digits=6):
    torch.testing.assert_close(
        found, torch.as_tensor(expected, dtype=found.dtype), atol=0.5 * 10**-digits, rtol=1e-5
    )


def test_the_projection_has_the_values_worked_out_by_hand():
    bare = next_projection(EYE, R, 0.1, "none")
    near(bare, 0.669421 * EYE - 0.330579 * (1 - EYE))
    near(torch.tensor([[1.0, 0, 2], [0, 1, -1]]).double() @ bare,
         [[0.008264, -0.991736, 1.008264], [0, 1, -1]])  # fmt: skip
    first = next_projection(EYE, R, 0.1)
    near(first, 0.819857 * EYE - 0.404867 * (1 - EYE))
    second = next_projection(first, torch.tensor([1.0, 0, -1]).double(), 0.1**1.5)
    near(second, [[0.304450, -0.572513, 0.282376], [-0.572513, 1.159338, -0.572513],
                  [0.282376, -0.572513, 0.304450]])  # fmt: skip
    near(next_projection(EYE, R, 0.1, "frobenius"), first / 3**0.5)


def test_predictions_are_mixed_by_the_values_worked_out_by_hand():
    audio = torch.tensor([[2.0, 0, 0], [0, 0, 0]])
    video = torch.tensor([[0.0, 1, 0], [3, 0, 0]])
    text = torch.tensor([[0.0, 0, 4], [1, 1, 0]])
    near(confidence_weights(torch.stack([audio, video]))[0], [0.576825, 0.324752])
    near(MLA().predict({"a": audio, "v": video}, audio),
         [[1.153651, 0.423175, 0], [2.025744, 0, 0]])  # fmt: skip
    weights = confidence_weights(torch.stack([audio, video, text]))
    near(weights, [[0.297346, 0.240158], [0.218141, 0.499355], [0.484513, 0.260487]])
    near(MLA().predict({"a": audio, "v": video, "t": text}, audio),
         [[0.594692, 0.218141, 1.938053], [1.758551, 0.260487, 0]])  # fmt: skip
    near(MLA(fusion="uniform").predict({"a": audio, "v": video}, text),
         [[1, 0.5, 0], [1.5, 0, 0]])  # fmt: skip


def test_two_passes_of_a_batch_have_the_values_worked_out_by_hand():
    net = Sharing({"a": 2, "v": 2}, 2, classes=2, linear=True)
    with torch.no_grad():
        for encoder in net.encoders.values():
            encoder.weight.copy_(torch.eye(2))
            encoder.bias.zero_()
        net.head.weight.copy_(torch.tensor([[0.5, -0.5], [0, 1]]))
        net.head.bias.zero_()
    inputs = {"a": torch.tensor([[1.0, 0], [0, 2]]), "v": torch.tensor([[1.0, 1], [-1, 0]])}
    inputs = {m: x.double() for m, x in inputs.items()}
    balancer = Balancer(net, MLA(), encoders_of(net), SharedHead("head"))
    optimizer = torch.optim.SGD(net.head.parameters(), lr=0.1)
    expected = [
        (0.261332, [[0.518877, -0.504743], [-0.018877, 1.004743]], [0.016506, -0.016506]),
        (0.870562, [[0.563035, -0.520206], [-0.063035, 1.020206]], None),
    ]
    for _, (wanted, weight, bias) in zip(balancer.passes(), expected, strict=True):
        loss = balancer.loss(net(inputs), torch.tensor([0, 1]))
        loss.backward()
        near(loss.detach(), wanted)
        balancer.before_step()
        optimizer.step()
        net.zero_grad()
        near(net.head.weight.detach(), weight)
        if bias:
            near(net.head.bias.detach(), bias)
            near(balancer.setting.method.state["projection"],
                 [[1.149174, -0.522352], [-0.522352, 0.365646]])  # fmt: skip


def test_no_direction_leaves_the_projection_and_equal_logits_count_alike():
    near(next_projection(EYE, torch.zeros(3).double(), 0.1), EYE)
    near(confidence_weights(torch.ones(4, 5, 3)), torch.full((4, 5), 0.25))


def test_alpha_falls_to_its_tenth_over_an_epoch_whose_length_is_known():
    method = MLA()
    seen = []

    class Heard(MLA):
        def _alpha(self, step):
            seen.append(super()._alpha(step))
            return seen[-1]

    method = Heard()
    net = Sharing({"a": 3, "b": 5}, 4)
    balancer = Balancer(net, method, encoders_of(net), SharedHead("head"))
    taught(net, balancer, epochs=2)
    first, second = seen[:8], seen[8:]
    assert first == [0.1] * 8
    assert second == pytest.approx([0.1 * 0.1 ** (i / 4) for i in (0, 0, 1, 1, 2, 2, 3, 3)])
    assert MLA(decay=False)._alpha(None) == 0.1


@pytest.mark.parametrize("seed", range(5))
def test_a_projection_spares_what_it_saw_and_stays_symmetric_and_definite(seed):
    draw = torch.Generator().manual_seed(seed)
    projection = torch.eye(6, dtype=torch.float64)
    for step in range(20):
        mean = torch.randn(6, generator=draw, dtype=torch.float64).abs()
        alpha = 0.1 * 0.1 ** (step / 20)
        bare = next_projection(projection, mean, alpha, "none")
        size = mean @ projection @ mean
        torch.testing.assert_close(bare @ mean, projection @ mean * alpha / (alpha + size))
        assert torch.linalg.eigvalsh(projection - bare).min() > -1e-12
        projection = next_projection(projection, mean, alpha)
        torch.testing.assert_close(projection, projection.T)
        values = torch.linalg.eigvalsh(projection)
        assert values.min() > 0
        assert values.square().mean() == pytest.approx(1)


def test_each_update_leaves_the_other_encoders_bit_equal():
    net = Sharing({"a": 3, "b": 5, "c": 2}, 4)
    balancer = Balancer(net, MLA(), encoders_of(net), SharedHead("head"))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for inputs, labels in balancer.repeat(batches(net)):
        turn = "abc"[balancer.step_index % 3]
        before = {n: p.detach().clone() for n, p in net.named_parameters()}
        balancer.loss(net(inputs), labels).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
        moved = {n.split(".")[1] for n, p in net.encoders.named_parameters("encoders")
                 if not torch.equal(p, before[n])}  # fmt: skip
        assert moved == {turn}


def test_without_projection_the_heads_gradient_is_its_own():
    grads = {}
    for projection in ("none", "previous", "current"):
        net = Sharing({"a": 3, "b": 5}, 4)
        balancer = Balancer(net, MLA(projection), encoders_of(net), SharedHead("head"))
        for _ in balancer.passes():
            inputs, labels = batches(net)[0]
            balancer.loss(net(inputs), labels).backward()
            own = net.head.weight.grad.clone()
            bias = net.head.bias.grad.clone()
            balancer.before_step()
            changed = not torch.equal(net.head.weight.grad, own)
            grads[projection, balancer.step_index] = changed
            assert torch.equal(net.head.bias.grad, bias)
            net.zero_grad()
    assert grads == {
        ("none", 1): False, ("none", 2): False, ("previous", 1): False, ("previous", 2): True,
        ("current", 1): True, ("current", 2): True,
    }  # fmt: skip


def test_a_gradient_that_is_not_finite_leaves_the_projection():
    net = Sharing({"a": 3, "b": 5}, 4)
    balancer = Balancer(net, MLA(), encoders_of(net), SharedHead("head"))
    inputs, labels = batches(net)[0]
    for number in balancer.passes():
        balancer.loss(net(inputs), labels).backward()
        if number:
            net.head.weight.grad[0, 0] = math.inf
        before = balancer.setting.method.state["projection"]
        balancer.before_step()
        net.zero_grad()
    assert torch.equal(balancer.setting.method.state["projection"], before)


def test_a_modality_that_is_missing_takes_no_part():
    net = Sharing({"a": 3, "b": 5}, 4)
    balancer = Balancer(net, MLA(), encoders_of(net), SharedHead("head"))
    inputs, labels = batches(net)[0]
    present = torch.tensor([[True, False]] * len(labels))
    for number in balancer.passes():
        loss = balancer.loss(net(inputs), labels, present)
        assert (float(loss.detach()) == 0) == bool(number)
        loss.backward()
        balancer.before_step()
        if not number:
            seen = balancer.setting.method.state["projection"]
        net.zero_grad()
    assert torch.equal(balancer.setting.method.state["projection"], seen)
    with torch.no_grad():
        output = net.eval()(inputs)
        near(balancer.predict(output, present), net.head(net.encoders["a"](inputs["a"])))


def test_it_predicts_by_its_rule_and_validates_on_it():
    net = Sharing({"a": 3, "b": 5}, 4)
    balancer = Balancer(net, MLA(), encoders_of(net), SharedHead("head"))
    inputs, labels = batches(net)[0]
    with pytest.raises(BalanceError, match=r"call predict\(\) in evaluation"):
        balancer.predict(net(inputs))
    net.eval()
    with torch.no_grad():
        own = {m: net.head(net.encoders[m](inputs[m])) for m in "ab"}
        expected = MLA().predict(own, own["a"])
        found = balancer.predict(net(inputs))
        torch.testing.assert_close(found, expected)
        loss = balancer.loss(net(inputs), labels)
        torch.testing.assert_close(loss, nn.functional.cross_entropy(expected, labels))
        half = torch.tensor([[True, True], [True, False], [False, True]])
        few = {m: x[:3] for m, x in inputs.items()}
        found = balancer.predict(net(few), half)
        torch.testing.assert_close(
            found, torch.stack([expected[0], own["a"][1], own["b"][2]])
        )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda net: Balancer(net, MLA(), encoders_of(net), LinearSplit("head")),
         r"MLA trains one head that all modalities share; pass readout=SharedHead"),
        (lambda net: Balancer(net, MLA(), encoders_of(net), Ablation()), "pass readout=SharedHead"),
        (lambda net: Balancer(net, MLA(), encoders_of(net), SharedHead("fc")), "no such module"),
        (lambda net: Balancer(net, MLA(), encoders_of(net), SharedHead("head"), task=MultiLabel()),
         "MLA does not work for"),
        (lambda net: Balancer(net, MLA(), encoders_of(net), SharedHead("head"), on="update"),
         'leave out on="update"'),
        (lambda net: MLA("none", alpha=1.0), "alpha has no effect with projection"),
        (lambda net: MLA("forward"), "MLA projection must be one of"),
        (lambda net: MLA(alpha=0), "MLA alpha must be a number > 0"),
    ],
)  # fmt: skip
def test_what_it_cannot_work_with_is_refused(make, words):
    with pytest.raises(BalanceError, match=words):
        make(Sharing({"a": 3, "b": 5}, 4))


def test_a_head_without_a_weight_to_project_is_refused_and_serves_without_projection():
    net = Sharing({"a": 3, "b": 5}, 4)
    net.head = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    balancer = Balancer(net, MLA(), encoders_of(net), SharedHead("head"))
    inputs, labels = batches(net)[0]
    with pytest.raises(BalanceError, match=r"linear head; found Sequential.*projection="):
        balancer.loss(net(inputs), labels)
    balancer.detach()
    balancer = Balancer(net, MLA("none"), encoders_of(net), SharedHead("head"))
    assert taught(net, balancer)[-1] < taught(net, balancer)[0] * 1.5


def test_features_of_unequal_widths_are_refused():
    net = Sharing({"a": 3, "b": 5}, 4)
    net.encoders["b"] = nn.Linear(5, 6).double()
    net.forward = lambda inputs: (
        net.head(net.encoders["a"](inputs["a"])) + 0 * net.encoders["b"](inputs["b"]).sum()
    )
    balancer = Balancer(net, MLA(), encoders_of(net), SharedHead("head"))
    inputs, labels = batches(net)[0]
    with pytest.raises(BalanceError, match=r"widths \{'a': 4, 'b': 6\}"):
        balancer.loss(net(inputs), labels)
