import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from contract.training import assert_same_weights, largest_difference, run, start, trained
from equimodal import BalanceError, Regression
from equimodal.functional import in_window, modality_leads, regulation_strengths
from equimodal.methods.inforeg import InfoReg


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("scores", "leads", "strengths"),
    [
        ((-0.5, -1.5), (1, 0), (1.984634, 0)),
        ((-0.4, -0.9, -1.6), (0.85, 0.7, 0), (1.862580, 1.722766, 0)),
        ((-0.4, -0.4, -1.0), (0.6, 0.6, 0), (1.621489, 1.621489, 0)),
        ((-0.7, -0.7), (0, 0), (0, 0)),
    ],
)
def test_leads_and_strengths(scores, leads, strengths):
    found = modality_leads(tensor(*scores))
    assert found.tolist() == pytest.approx(leads)
    assert regulation_strengths(found, 0.9).tolist() == pytest.approx(strengths, abs=1e-6)


@pytest.mark.parametrize(
    ("before", "now", "inside"),
    [
        (2, 2.5, True),
        (2.5, 2.55, False),
        (2.5, 2, False),
        (0, 0, False),
        (0, 1, True),
        (1, 1.041, False),
    ],
)
def test_a_window_is_open_while_the_trace_grows(before, now, inside):
    assert in_window(tensor(now), tensor(before), 0.04).tolist() == [inside]


def test_the_released_arithmetic():
    sums = modality_leads(tensor(20, 12))
    assert 0.95 * regulation_strengths(sums, 1.0)[0].item() == pytest.approx(2.582367, abs=1e-6)
    near = modality_leads(tensor(12, 12.3))
    assert 0.1 * regulation_strengths(near, 1.0)[1].item() == pytest.approx(0.133818, abs=1e-6)


@given(st.lists(st.floats(-5, 0), min_size=2, max_size=5), st.floats(0, 3))
def test_the_weakest_is_never_regulated_and_a_lead_at_1_or_more(scores, beta):
    leads = modality_leads(tensor(*scores))
    found = regulation_strengths(leads, beta)
    assert found[tensor(*scores).argmin()] == 0
    assert bool(((found == 0) | (found >= 1)).all())
    assert bool((found <= math.exp(beta) + 1e-9).all())


def pulled(move=None, **settings):
    """A training behind its first epoch and a pass, its plain loss, and the gradients of both."""
    training = run(start("inforeg", settings={"threshold": None, **settings}), 1)
    if move:
        with torch.no_grad():
            move(training.model)
    inputs, labels = training.data.take(torch.arange(16))
    base = cross_entropy(training.model(inputs).logits, labels)
    base.backward()
    plain = {n: p.grad.clone() for n, p in training.model.named_parameters()}
    training.model.zero_grad()
    loss = training.balancer.loss(training.model(inputs), labels)
    loss.backward()
    training.balancer.before_step()
    return training, plain, float((loss - base).detach())


def test_at_the_first_step_of_an_epoch_nothing_pulls():
    training, plain, term = pulled()
    assert term == 0
    for n, p in training.model.named_parameters():
        assert torch.equal(p.grad, plain[n])


def test_the_pull_is_alpha_times_the_way_since_the_epoch_before():
    def move(net):
        net.encoders["a"][0].weight[0, :2] += tensor(0.1, -0.2)

    training, plain, term = pulled(move, strength=1.984634)
    found = training.model.encoders["a"][0].weight.grad - plain["encoders.a.0.weight"]
    assert found[0, :2].tolist() == pytest.approx([0.198463, -0.396927], abs=1e-6)
    assert found.abs().sum().item() == pytest.approx(0.595390, abs=1e-6)
    assert term == pytest.approx(0.049616, abs=1e-6)
    assert training.balancer.setting.method.acted


def test_the_pull_is_of_the_one_that_leads():
    def move(net):
        for p in net.encoders.parameters():
            p += 0.01

    training, plain, _ = pulled(move)
    training.balancer.epoch_end()
    rows = [r for r in training.balancer.decisions.drain() if r["name"] == "strength"]
    strength = rows[-1]["values"]
    assert sorted(strength.values())[0] == 0 < sorted(strength.values())[1]
    for n, p in training.model.encoders.named_parameters():
        wanted = plain[f"encoders.{n}"] + 0.01 * strength[n[0]]
        torch.testing.assert_close(p.grad, wanted, rtol=1e-6, atol=1e-9)


def test_traces_are_mean_squares_of_the_encoders_gradients():
    training = start("inforeg")
    squares = []
    for rows in torch.arange(32).split(16):
        inputs, labels = training.data.take(rows)
        training.balancer.loss(training.model(inputs), labels).backward()
        squares.append(
            sum(float(p.grad.square().sum()) for p in training.model.encoders["a"].parameters())
        )
        training.balancer.before_step()
        training.optimizer.step()
        training.optimizer.zero_grad()
    training.balancer.epoch_end()
    (row,) = [r for r in training.balancer.decisions.drain() if r["name"] == "trace"]
    assert row["values"]["a"] == pytest.approx(sum(squares) / 2, rel=1e-6)


def test_outside_the_window_it_is_joint_training_bit_for_bit():
    closed = trained("inforeg", settings={"threshold": 1e9})
    assert_same_weights(closed.weights, trained("joint").weights)
    assert not closed.balancer.setting.method.acted


def test_the_first_two_epochs_are_left_alone_and_the_rest_is_not():
    training = trained("inforeg", settings={"threshold": -1e9}, epochs=4)
    steps = {r["step"] for r in training.balancer.decisions.drain() if r["name"] == "strength"}
    assert steps == set(range(12, 24))


def test_a_stronger_pull_leaves_the_encoder_nearer_to_the_epoch_before():
    moved = []
    for strength in (None, 0.1, 0.5, 1.0, 2.0):
        settings = {"threshold": 1e9 if strength is None else None, "strength": strength}
        training = run(start("inforeg", settings=settings, optimizer=slow), 1)
        before = training.weights
        run(training, 1)
        after = training.weights
        moved.append(sum(float((after[n] - w).norm()) for n, w in before.items() if "enc" in n))
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < moved[0]


def slow(parameters):
    return torch.optim.SGD(parameters, lr=0.05)


def test_the_sum_of_probabilities_may_be_the_score():
    lead = {}
    for score in ("log_likelihood", "sum_probability"):
        training, _, _ = pulled(score=score, beta=1.0, scale=(0.95, 0.1))
        training.balancer.epoch_end()
        rows = [r for r in training.balancer.decisions.drain() if r["name"] == "strength"]
        lead[score] = rows[-1]["values"]
    assert lead["log_likelihood"] != lead["sum_probability"]
    assert lead["sum_probability"]["a"] <= 0.95 * math.e


STEADY = {"threshold": None, "strength": 0.7}


def plain_sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.05)


def adam(parameters):
    return torch.optim.AdamW(parameters, lr=0.01)


def test_a_decoupled_pull_is_that_of_the_loss_under_plain_sgd():
    kept = {"optimizer": plain_sgd, "epochs": 3}
    loss = trained("inforeg", settings=STEADY, **kept)
    weights = trained("inforeg", settings=STEADY | {"decoupled": True}, **kept)
    joint = trained("joint", **kept)
    assert largest_difference(loss.weights, weights.weights) < 1e-12
    assert largest_difference(loss.weights, joint.weights) > 1e-4


def test_a_decoupled_pull_is_not_normalised_by_adam():
    training = start("inforeg", settings=STEADY | {"decoupled": True}, optimizer=adam)
    run(training, 1)
    inputs, labels = training.data.take(torch.arange(16))
    before = {n: p.clone() for n, p in training.weights.items()}
    optimizer, balancer = training.optimizer, training.balancer
    for p in training.model.parameters():  # away from the weights of the epoch before
        p.data.add_(0.1)
    balancer.loss(training.model(inputs), labels).backward()
    balancer.before_step()
    for name, value in training.weights.items():
        moved = 0.1 - 0.01 * 0.7 * 0.1 if name.startswith("encoders") else 0.1
        torch.testing.assert_close(value, before[name] + moved)
    optimizer.zero_grad()


def test_an_update_that_a_loss_scaler_skips_is_not_pulled():
    training = start("inforeg", settings=STEADY | {"decoupled": True}, optimizer=plain_sgd)
    run(training, 1)
    inputs, labels = training.data.take(torch.arange(16))
    for p in training.model.parameters():
        p.data.add_(0.1)
    before = training.weights
    training.balancer.loss(training.model(inputs), labels).backward()
    next(training.model.encoders["a"].parameters()).grad.fill_(torch.inf)
    training.balancer.before_step()
    assert_same_weights(before, training.weights)


def test_a_decoupled_pull_needs_the_optimizers_rate():
    training = start("inforeg", settings={"decoupled": True})
    training.balancer.setting.optimizers = ()
    with pytest.raises(BalanceError, match="found no optimizer"):
        run(training, 1)


def test_numbers_have_no_likelihood():
    assert "likelihood of a discrete label" in InfoReg().unsuited(Regression())
    assert InfoReg(strength=1.0).unsuited(Regression()) == ""


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: InfoReg(-1), "InfoReg beta must be a number"),
        (lambda: InfoReg(threshold="auto"), "InfoReg threshold must be a number"),
        (lambda: InfoReg(strength=0), "InfoReg strength must be a number"),
        (lambda: InfoReg(score="accuracy"), "InfoReg score must be one of"),
        (lambda: InfoReg(decoupled=1), "decoupled must be true or false"),
        (lambda: InfoReg(scale=0), "A scale of InfoReg must be a number"),
        (lambda: InfoReg(strength=1.0, beta=0.5), "beta has no effect"),
        (lambda: start("inforeg", settings={"scale": (1, 1, 1)}), "a scale for each of"),
        (lambda: in_window(tensor(1), tensor(1, 2), 0.04), "of one length; found 2"),
        (lambda: regulation_strengths(tensor(1), -1), "beta must be a number"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
