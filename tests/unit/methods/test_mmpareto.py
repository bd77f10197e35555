import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from contract.training import assert_same_weights, start, trained
from equimodal import BalanceError, Balancer, LinearSplit
from equimodal.functional import pareto_weights
from equimodal.methods.mmpareto import MMPareto
from unit.two_encoders import Net


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def written(joint, own, sizes=None, **settings):
    """Weight of g, and what is written for tensors of these sizes."""
    method = MMPareto(**settings)
    parameters = [nn.Parameter(torch.zeros(n).double()) for n in sizes or [len(joint)]]
    for p, total in zip(parameters, torch.split(joint + own, sizes or len(joint)), strict=True):
        p.grad = total.clone()
    weight = method._write(parameters, joint.clone(), own.clone(), joint + own, torch.ones(()))
    return weight.item(), torch.cat([p.grad for p in parameters])


CASES = [
    ((1, 0), (1, 1), None, 0.5, (3, 1.5)),
    ((1, 0), (-0.5, 0.2), None, 0.344978, (0.106759, 0.800689)),
    ((1, 2, 0, -1), (-2, 1, 0.5, 0.3), [2, 2], 0.472362,
     (-1.748744, 4.417085, 0.829942, -0.988026)),
    ((0.1, 0), (-3, 0.5), None, 0.968560, (0.702881, 4.357862)),
    ((1, 0), (0, 1), None, 0.5, (1.5, 1.5)),
    ((1, 0), (-1, 0), None, 0.5, (0, 0)),
    ((0, 0), (1, 1), None, 0.999, (1.5, 1.5)),
    ((1, 1), (0, 0), None, 0.001, (1.5, 1.5)),
    # By hand: the second tensor's direction is longer than its sum, and stays.
    ((1, 0), (-0.9, 0.1), [1, 1], 0.475138, (0.15, 0.157459)),
]  # fmt: skip


@pytest.mark.parametrize(("joint", "own", "sizes", "weight", "gradient"), CASES)
def test_the_released_arithmetic(joint, own, sizes, weight, gradient):
    found, grad = written(tensor(*joint), tensor(*own), sizes)
    assert found == pytest.approx(weight, abs=1e-6)
    assert grad.tolist() == pytest.approx(gradient, abs=2e-6)


VECTORS = st.lists(st.floats(-3, 3), min_size=4, max_size=4).map(lambda v: tensor(*v))


@given(VECTORS, VECTORS)
def test_a_conflict_is_solved_so_that_neither_loss_rises(joint, own):
    one, other = pareto_weights(joint, own).tolist()
    assert one + other == pytest.approx(1)
    assume(joint @ own < 0 and joint @ joint > 1e-6 and own @ own > 1e-6)
    shortest = one * joint + other * own
    for gradient in (joint, own):
        assert float(2 * shortest @ gradient) >= 2 * float(shortest @ shortest) - 1e-9
    for share in (0, 0.25, 0.5, 0.75, 1):
        mix = share * joint + (1 - share) * own
        assert shortest.norm() <= mix.norm() + 1e-9
    # Of exactly opposite gradients nothing is left but rounding, whose direction says nothing.
    assume(shortest.norm() > 1e-9 * (joint.norm() + own.norm()))
    _, kept = written(joint, own, rescale="encoder")
    assert float(kept @ joint) >= -1e-9 and float(kept @ own) >= -1e-9


@given(VECTORS, VECTORS, st.sampled_from(["tensor", "encoder"]))
def test_no_gradient_is_shorter_than_gamma_times_the_sum(joint, own, rescale):
    sizes = [1, 3]
    weight = pareto_weights(joint, own)
    direction = weight[0] * joint + weight[1] * own
    _, grad = written(joint, own, sizes, gamma=1.3, rescale=rescale)
    groups = [slice(0, 1), slice(1, 4)] if rescale == "tensor" else [slice(0, 4)]
    for rows in groups:
        assume(direction[rows].norm() > 1e-9)
        least = 1.3 * (joint + own)[rows].norm()
        assert grad[rows].norm() >= least * (1 - 1e-6)


def updated(name, settings=None, *, factor=1.0, parts=1, weights=0, **options):
    """Gradients behind one update of 16 rows."""
    training = start(name, settings=settings or {}, weights=weights, **options)
    inputs, labels = training.data.take(torch.arange(16))
    for rows in torch.arange(16).chunk(parts):
        out = training.model({m: x[rows] for m, x in inputs.items()})
        (factor / parts * training.balancer.loss(out, labels[rows])).backward()
    training.balancer.before_step()
    return training, {n: p.grad.clone() for n, p in training.model.named_parameters()}


def test_heads_are_trained_by_the_sum_of_all_losses():
    _, base = updated("joint+unimodal")
    _, found = updated("mmpareto")
    assert torch.equal(found["head.weight"], base["head.weight"])
    assert torch.equal(found["head.bias"], base["head.bias"])
    assert not torch.equal(found["encoders.a.0.weight"], base["encoders.a.0.weight"])


@pytest.mark.parametrize("change", [{"factor": 1024.0}, {"parts": 2}, {"parts": 4, "factor": 0.1}])
def test_what_the_loop_does_to_the_loss_is_found_out(change):
    _, plain = updated("mmpareto")
    _, found = updated("mmpareto", **change)
    scale = change.get("factor", 1.0)
    for n, g in plain.items():
        torch.testing.assert_close(found[n] / scale, g, rtol=1e-9, atol=1e-12)


def test_gamma_1_and_equal_weights_are_the_baseline_bit_for_bit():
    neutral = trained("mmpareto", settings={"gamma": 1.0, "weights": "equal"})
    assert_same_weights(neutral.weights, trained("joint+unimodal").weights)


def test_the_control_enlarges_the_sum():
    _, base = updated("joint+unimodal")
    _, found = updated("mmpareto-fixed")
    for n, g in base.items():
        assert torch.equal(found[n], g * (1.5 if n.startswith("encoders") else 1))


def test_another_loss_beside_it_is_refused():
    training = start("mmpareto", settings={})
    inputs, labels = training.data.take(torch.arange(16))
    loss = training.balancer.loss(training.model(inputs), labels)
    (loss + training.model.head.weight.square().sum()).backward()
    with pytest.raises(BalanceError, match="another loss was back-propagated beside it"):
        training.balancer.before_step()


def test_a_loss_that_was_not_trained_on_leaves_no_gradient():
    training, plain = updated("mmpareto")
    other = start("mmpareto", settings={})
    inputs, labels = other.data.take(torch.arange(16))
    kept = other.balancer.loss(other.model({m: 3 * x for m, x in inputs.items()}), labels)
    other.balancer.loss(other.model(inputs), labels).backward()
    other.balancer.before_step()
    assert kept.requires_grad
    for n, p in other.model.named_parameters():
        assert torch.equal(p.grad, plain[n])
    assert training.balancer.step_index == 1


def test_a_frozen_parameter_is_left_out():
    training = start("mmpareto", settings={})
    training.model.encoders["a"][0].weight.requires_grad_(False)
    inputs, labels = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), labels).backward()
    training.balancer.before_step()
    assert training.model.encoders["a"][0].weight.grad is None
    assert training.model.encoders["a"][0].bias.grad.isfinite().all()


def test_a_model_of_encoders_alone_is_refused():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(5, 2)

        def forward(self, a, b):
            return self.a(a) + self.b(b)

    with pytest.raises(BalanceError, match="needs trained parameters beside the encoders"):
        Balancer(Sum(), MMPareto(), {"a": "a", "b": "b"}, LinearSplit({"a": "a", "b": "b"}))


def test_it_means_nothing_on_an_update():
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    with pytest.raises(BalanceError, match="MMPareto writes gradients of its own"):
        Balancer(net, MMPareto(), {"a": "a", "b": "b"}, LinearSplit("head"), on="update",
                 optimizers=[optimizer])  # fmt: skip


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MMPareto(0), "MMPareto gamma must be a number"),
        (lambda: MMPareto(weights="mean"), "MMPareto weights must be one of pareto, equal"),
        (lambda: MMPareto(rescale="layer"), "MMPareto rescale must be one of tensor, encoder"),
        (lambda: MMPareto(weights="equal", rescale="encoder"), "rescale has no effect"),
        (lambda: pareto_weights(tensor(1), tensor(1, 2)), "of one length; found 2"),
        (lambda: pareto_weights(torch.tensor([1]), tensor(1)), "joint must be real numbers"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()


def released(**settings):
    net = Net(classes=3).double()
    batch = torch.ones(2, 3).double(), torch.ones(2, 5).double(), torch.zeros(2).long()
    method = MMPareto(heads="own", **settings)
    balancer = Balancer(net, method, {"a": "a", "b": "b"}, example=batch)
    optimizer = torch.optim.SGD([*net.parameters(), *balancer.parameters()], lr=0.1)
    balancer.attach(optimizer)
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(12, n, generator=draw, dtype=torch.float64) for n in (3, 5))
    return net, balancer, a, b, torch.arange(12) % 3


def single_gradients(net, heads, a, b, y):
    """Of the fused loss, and of each modality's own through its own head: {name: gradient}."""
    cross = nn.functional.cross_entropy
    named = dict(net.named_parameters()) | {f"heads.{k}": p for k, p in enumerate(heads)}
    losses = {"fused": cross(net(a, b), y)}
    for k, (m, x) in enumerate((("a", a), ("b", b))):
        losses[m] = cross(net.get_submodule(m)(x) @ heads[2 * k].T + heads[2 * k + 1], y)
    return {
        name: dict(zip(named, torch.autograd.grad(loss, list(named.values()), allow_unused=True,
                                                  retain_graph=True), strict=True))
        for name, loss in losses.items()
    }  # fmt: skip


@pytest.mark.parametrize("weights", ["pareto", "equal"])
def test_with_heads_of_its_own_each_encoder_is_solved_by_their_losses(weights):
    net, balancer, a, b, y = released(weights=weights)
    heads = list(balancer.parameters())
    parts = single_gradients(net, heads, a, b, y)
    loss = balancer.loss(net(a, b), y)
    loss.backward()
    balancer.before_step()

    for m in "ab":
        names = [n for n in parts["fused"] if n.startswith(f"{m}.")]
        joint, own = (torch.cat([parts[k][n].flatten() for n in names]) for k in ("fused", m))
        sizes = [net.get_parameter(n).numel() for n in names]
        if weights == "pareto":
            _, expected = written(joint, own, sizes)
        else:
            expected = 1.5 * (joint + own)
        found = torch.cat([net.get_parameter(n).grad.flatten() for n in names])
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    for n in ("head.weight", "head.bias"):
        torch.testing.assert_close(net.get_parameter(n).grad, parts["fused"][n])
    for k, head in enumerate(heads):
        torch.testing.assert_close(head.grad, parts["ab"[k // 2]][f"heads.{k}"])


def test_with_heads_of_its_own_the_loss_is_the_sum_of_all():
    net, balancer, a, b, y = released()
    heads = [p.detach().clone() for p in balancer.parameters()]
    cross = nn.functional.cross_entropy
    expected = cross(net(a, b), y)
    for k, (m, x) in enumerate((("a", a), ("b", b))):
        z = net.get_submodule(m)(x)
        expected = expected + cross(z @ heads[2 * k].T + heads[2 * k + 1], y)
    torch.testing.assert_close(balancer.loss(net(a, b), y), expected)


def test_heads_of_its_own_are_one_of_two_kinds():
    with pytest.raises(BalanceError, match="MMPareto heads must be one of readout, own"):
        MMPareto(heads="probe")
    assert MMPareto().objective == "fused+unimodal" and MMPareto(heads="own").objective == "fused"
