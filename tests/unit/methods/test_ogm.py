import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, start, trained
from equimodal import BalanceError, Balancer, LinearSplit, methods
from equimodal.functional import discrepancy_ratios, modulation_coefficients
from equimodal.methods.ogm import OGM
from equimodal.numerics.scores import true_class_probability
from unit.two_encoders import Net

STRONG = torch.tensor([[2.0, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=torch.float64)
WEAK = torch.tensor([[0.5, 0, 0], [0, 0.2, 0], [0, 0, 0.1]], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 0])


def close(found, expected):
    assert found.tolist() == pytest.approx(expected, abs=5e-7)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_two_modalities_of_the_released_arithmetic():
    scores = torch.stack([true_class_probability(z, LABELS).sum() for z in (STRONG, WEAK)])
    close(scores, [1.785422, 1.153059])
    ratios = discrepancy_ratios(scores)
    close(ratios, [1.548422, 0.645819])
    close(modulation_coefficients(ratios, 0.8), [0.154905, 1])
    close(modulation_coefficients(ratios, 0.1), [0.846384, 1])


@pytest.mark.parametrize(
    ("scores", "alpha", "ratios", "coefficients"),
    [
        ((0.6, 0.28, 0.2), 0.3, (2.571429, 0.933333, 0.523810), (0.352241, 1, 1)),
        ((0.5, 0.5, 0.25), 0.8, (1.5, 1.5, 0.5), (0.166345, 0.166345, 1)),
        ((0.4, 0.4), 0.8, (1, 1), (1, 1)),
        ((0.3, 0.3, 0.3), 5.0, (1, 1, 1), (1, 1, 1)),
    ],
)
def test_three_modalities_and_ties(scores, alpha, ratios, coefficients):
    found = discrepancy_ratios(tensor(*scores))
    close(found, ratios)
    close(modulation_coefficients(found, alpha), coefficients)


def test_a_lead_without_measure_stops_the_encoder():
    ratios = discrepancy_ratios(tensor(0.99, 0.01))
    assert ratios[0].item() == pytest.approx(99)
    close(modulation_coefficients(ratios, 0.8), [0, 1])


def test_the_continuous_rule_does_not_jump_at_a_ratio_of_one():
    near = tensor(1 + 1e-6, 1 - 1e-6)
    close(modulation_coefficients(near, 0.8), [1 - math.tanh(0.8 * (1 + 1e-6)), 1])
    assert modulation_coefficients(near, 0.8, continuous=True)[0] > 1 - 1e-5
    close(modulation_coefficients(tensor(2.0, 0.5), 0.8, continuous=True), [1 - math.tanh(0.8), 1])


def test_a_modality_that_is_missing_is_left_out():
    ratios = discrepancy_ratios(tensor(0.6, math.nan, 0.2))
    assert ratios.isnan().tolist() == [False, True, False]
    assert ratios[0].item() == pytest.approx(3)
    assert modulation_coefficients(ratios, 0.8).tolist()[1:] == [1, 1]


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=5).map(lambda s: tensor(*s)),
    st.floats(0.01, 5), st.booleans(),
)  # fmt: skip
def test_a_coefficient_lies_between_0_and_1_and_one_is_1(scores, alpha, continuous):
    ratios = discrepancy_ratios(scores)
    found = modulation_coefficients(ratios, alpha, continuous=continuous)
    assert bool(((found >= 0) & (found <= 1)).all())
    # One modality is behind no other on the pairs; rounding may put equals above 1.
    assert found.max() == 1 or ratios.min() > 1 - 1e-9
    order = ratios.argsort()
    assert bool((found[order].diff() <= 0).all())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: discrepancy_ratios(torch.tensor([1, 2])), "scores must be real numbers"),
        (lambda: discrepancy_ratios(torch.rand(1)), "two scores to compare; found 1"),
        (lambda: discrepancy_ratios(torch.rand(2, 2)), r"scores must be a tensor \(M\)"),
        (lambda: modulation_coefficients(torch.rand(2), 0), "alpha must be a number > 0"),
        (lambda: OGM(0), "OGM alpha must be a number > 0"),
        (lambda: OGM(noise=-1), "OGM noise must be a number"),
        (lambda: OGM(coefficient="mean"), "OGM coefficient must be a number"),
        (lambda: OGM(parameters="bias"), "OGM parameters must be one of weights, conv, all"),
        (lambda: OGM(0.3, coefficient=0.5), "OGM alpha has no effect with a coefficient"),
        (lambda: OGM(continuous=True, coefficient="fixed"), "continuous has no effect"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()


def test_convolutions_alone_are_refused_where_there_are_none():
    with pytest.raises(BalanceError, match=r"parameters='conv'.*must find some in an encoder"):
        Balancer(Net(), OGM(parameters="conv"), {"a": "a", "b": "b"}, LinearSplit("head"))


def touched(**settings):
    """Names of the parameters whose gradients one update changes."""
    training = start("ogm", kinds=("convolutional", "linear"), settings=settings)
    inputs, labels = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), labels).backward()
    before = {n: p.grad.clone() for n, p in training.model.named_parameters()}
    training.balancer.before_step()
    after = {n: p.grad for n, p in training.model.named_parameters()}
    return {n for n in before if not torch.equal(before[n], after[n])}, set(before)


def test_what_is_modulated_is_chosen():
    weights, every = touched(noise=1.0)
    assert weights == {n for n in every if n.startswith("encoders") and n.endswith("weight")
                       and "layers.1" not in n}  # fmt: skip
    assert touched(noise=1.0, parameters="conv")[0] == {
        "encoders.a.layers.0.weight", "encoders.a.layers.3.weight"
    }  # fmt: skip
    assert touched(noise=1.0, parameters="all")[0] == {n for n in every if "encoders" in n}


def test_a_neutral_coefficient_is_joint_training_bit_for_bit():
    joint = trained("joint").weights
    assert_same_weights(trained("ogm", settings={"coefficient": 1.0}).weights, joint)
    never = trained("ogm", settings={"alpha": 1e-300}).weights
    assert_same_weights(never, joint)


def test_the_fixed_control_has_one_coefficient_for_all():
    records = trained("ogm-fixed", epochs=1).balancer.decisions.drain()
    expected = pytest.approx(1 - math.tanh(0.8) / 2)
    assert records and all(list(r["values"].values()) == [expected] * 2 for r in records)
    three = trained("ogm-ge-fixed", epochs=1, kinds=("linear", "gru", "lstm"))
    values = three.balancer.decisions.drain()[0]["values"]
    assert list(values.values()) == [pytest.approx(1 - math.tanh(0.8) / 3)] * 3


def noisy_gradients(seeds, coefficient=0.5):
    """Gradient of a weight without and with the noise of many seeds. (P,), (S, P)"""
    found = []
    for seed in range(seeds):
        net = Net()
        method = OGM(noise=1.0, coefficient=coefficient)
        balancer = Balancer(net, method, {"a": "a", "b": "b"}, seed=seed)
        net.a.weight.requires_grad_()
        draw = torch.Generator().manual_seed(0)
        a, b = torch.randn(6, 3, generator=draw), torch.randn(6, 5, generator=draw)
        balancer.loss(net(a, b), torch.tensor([0, 1] * 3)).backward()
        plain = net.a.weight.grad.flatten().clone()
        balancer.before_step()
        found.append(net.a.weight.grad.flatten())
    return plain, torch.stack(found)


def test_the_noise_has_mean_zero_and_the_spread_of_the_gradient():
    plain, noisy = noisy_gradients(600)
    size = plain.std()
    assert float((noisy.mean(0) - 0.5 * plain).abs().max()) < 4 * float(size) / math.sqrt(600)
    assert float((noisy - 0.5 * plain).std() / size) == pytest.approx(1, abs=0.02)


def test_the_scale_of_the_noise_of_a_small_gradient():
    from equimodal.parts.gradients import Room, add_noise, spreads

    g = tensor(0.1, -0.2, 0.3, 0)
    close(spreads([g]), [0.208167])
    one = spreads([tensor(3.0), tensor(1, math.inf)])
    assert one.isnan().all()
    single = tensor(3.0)
    add_noise([single], one[:1], torch.Generator(), Room())
    assert single.item() == 3


def test_all_gradients_scaled_scale_the_result():
    scaled = {}
    for factor in (1.0, 1024.0):
        training = start("ogm-ge")
        inputs, labels = training.data.take(torch.arange(16))
        (factor * training.balancer.loss(training.model(inputs), labels)).backward()
        training.balancer.before_step()
        scaled[factor] = {n: p.grad for n, p in training.model.named_parameters()}
    for n, g in scaled[1.0].items():
        torch.testing.assert_close(scaled[1024.0][n] / 1024, g, rtol=1e-6, atol=1e-7)


def test_with_decisions_on_the_update_the_noise_stays_on_the_gradient():
    training = start("ogm-ge", settings={"noise": 1.0, "coefficient": 0.5}, on="update",
                     optimizer=lambda p: torch.optim.SGD(p, lr=1.0))  # fmt: skip
    inputs, labels = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), labels).backward()
    before, plain = training.weights, training.model.encoders["a"][0].weight.grad.clone()
    training.balancer.before_step()
    noisy = training.model.encoders["a"][0].weight.grad.clone()
    training.optimizer.step()
    assert not torch.equal(noisy, plain)
    moved = training.weights["encoders.a.0.weight"] - before["encoders.a.0.weight"]
    torch.testing.assert_close(moved, -0.5 * noisy)


def test_a_task_without_a_score_is_refused():
    from equimodal.balancing.task import Regression

    class Plain(Regression):
        lacks = frozenset({"score"})

    assert "its ratio compares scores" in methods.create("ogm").unsuited(Plain())
    assert methods.create("ogm").unsuited(Regression()) == ""
    assert methods.create("ge").unsuited(Plain()) == ""
