import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, start, trained
from equimodal import BalanceError, LinearSplit
from equimodal.functional import asymmetry_weights, certainty_shares
from equimodal.methods.arl import ARL, shares
from equimodal.numerics.scores import softmax_entropy


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


ONE, TWO = tensor((2, 0, 0), (0, 3, 0)), tensor((0.5, 0.2, 0), (0, 0.4, 0.1))
THIRD = tensor((1, 0, 0), (0, 1, 0))


def close(found, expected):
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def sizes_and_entropies(*logits):
    sizes = torch.stack([z.abs().sum(1).mean() for z in logits])
    return sizes, torch.stack([softmax_entropy(z).mean() for z in logits])


def weights(*logits, temperature=8.0, floor=None):
    sizes, entropies = sizes_and_entropies(*logits)
    certainty = certainty_shares(entropies, floor=floor)
    return asymmetry_weights(certainty, shares(sizes), temperature)


def test_two_modalities_of_the_released_arithmetic():
    sizes, entropies = sizes_and_entropies(ONE, TWO)
    close(sizes, [2.5, 0.6])
    close(entropies, [0.516083, 1.080319])
    close(shares(sizes), [0.806452, 0.193548])
    close(certainty_shares(entropies), [0.676721, 0.323279])
    close(weights(ONE, TWO), [0.261566, 0.738434])
    close(weights(ONE, TWO, temperature=4.0), [0.373104, 0.626896])


def test_equal_logits_have_equal_weights():
    for temperature in (0.0, 1.0, 8.0, 100.0):
        close(weights(ONE, ONE, temperature=temperature), [0.5, 0.5])


def test_three_modalities_with_the_released_floor_and_with_ours():
    sizes, entropies = sizes_and_entropies(ONE, TWO, THIRD)
    close(shares(sizes), [0.609756, 0.146341, 0.243902])
    close(shares(entropies), [0.200676, 0.420075, 0.379250])
    close(certainty_shares(entropies, floor=0.3), [0.399171, 0.285071, 0.315758])
    close(weights(ONE, TWO, THIRD, floor=0.3), [0.262253, 0.372274, 0.365473])
    close(certainty_shares(entropies), [0.498293, 0.238041, 0.263666])
    close(weights(ONE, TWO, THIRD), [0.327287, 0.338946, 0.333767])


def test_zero_logits():
    flat, small = tensor((0, 0, 0)), tensor((0.1, 0, 0))
    sizes, entropies = sizes_and_entropies(flat, small)
    close(entropies, [1.098612, 1.097477])
    close(shares(sizes), [0, 1])
    close(weights(flat, small), [0.981977, 0.018023])
    close(weights(flat, flat), [0.5, 0.5])
    close(certainty_shares(tensor(0, 0), floor=0.0), [0.5, 0.5])


@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5)), min_size=2, max_size=5),
    st.floats(0, 30),
)
def test_weights_are_positive_and_sum_to_1(given, temperature):
    dependence = shares(tensor(*(d for d, _ in given)))
    certainty = certainty_shares(tensor(*(h for _, h in given)))
    found = asymmetry_weights(certainty, dependence, temperature)
    assert bool((found > 0).all())
    assert found.sum().item() == pytest.approx(1)
    even = asymmetry_weights(certainty, dependence, 0.0)
    assert even.tolist() == pytest.approx([1 / len(given)] * len(given))


def after_backward(name, settings=None, **options):
    training = start(name, settings=settings, **options)
    inputs, labels = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), labels).backward()
    return training, {n: p.grad.clone() for n, p in training.model.named_parameters()}


def test_encoders_get_1_plus_their_weight_and_the_head_once():
    training, plain = after_backward("arl", {"gamma": 1.0})
    _, base = after_backward("joint+unimodal")
    assert all(torch.equal(base[n], g) for n, g in plain.items())
    training.balancer.before_step()
    training.balancer.epoch_end()
    (found,) = [r for r in training.balancer.decisions.drain() if r["name"] == "weight"]
    for n, p in training.model.named_parameters():
        factor = 1 + found["values"][n.split(".")[1]] if n.startswith("encoders") else 1
        torch.testing.assert_close(p.grad, factor * plain[n], rtol=1e-6, atol=0)


def test_the_fixed_control_scales_every_encoder_by_1_and_a_half():
    training, plain = after_backward("arl-fixed")
    training.balancer.before_step()
    for n, p in training.model.named_parameters():
        assert torch.equal(p.grad, plain[n] * (1.5 if n.startswith("encoders") else 1))


def test_gamma_weighs_the_unimodal_losses():
    losses = [start("arl", settings={"gamma": g}) for g in (0.0, 1.0, 4.0)]
    found = []
    for training in losses:
        inputs, labels = training.data.take(torch.arange(16))
        found.append(training.balancer.loss(training.model(inputs), labels).item())
    assert found[1] > found[0]
    assert found[2] - found[0] == pytest.approx(4 * (found[1] - found[0]))


def test_up_to_its_start_it_is_joint_training_with_unimodal_losses():
    warm = trained("arl", epochs=2, settings={"gamma": 5.0, "start": 0.75})
    assert_same_weights(warm.weights, trained("joint+unimodal", epochs=2).weights)


def test_entropies_are_of_classes():
    from equimodal import Balancer, MultiLabel
    from unit.two_encoders import Net

    with pytest.raises(BalanceError, match="entropy of a prediction over classes"):
        Balancer(Net(), ARL(), {"a": "a", "b": "b"}, LinearSplit("head"), task=MultiLabel())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ARL(-1), "ARL gamma must be a number"),
        (lambda: ARL(temperature=-1), "ARL temperature must be a number"),
        (lambda: ARL(weights="even"), "ARL weights must be one of fixed"),
        (lambda: ARL(floor=2), "ARL floor must be a number"),
        (lambda: ARL(temperature=4.0, weights="fixed"), "temperature has no effect"),
        (lambda: shares(torch.tensor([1, 2])), "values must be real numbers"),
        (lambda: asymmetry_weights(tensor(1), tensor(1), 8), "as many entries, two or more"),
        (lambda: certainty_shares(tensor(1, 1), floor=-1), "floor must be a number"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
