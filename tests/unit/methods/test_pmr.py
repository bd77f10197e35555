"""PMR: its equations by hand, and its own properties."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from contract import fusions
from contract.training import start, trained
from equimodal import PMR, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.functional import class_prototypes, prototype_probabilities, rebalance_weights
from equimodal.methods import pmr_prototypes
from unit.given_features import bound, near

Z0 = torch.tensor([[0, 0], [1, 0], [0, 2], [2, 2]], dtype=torch.float64)
Z1 = torch.tensor([[0.5, 0], [0.4, 0.1], [0.6, 0.3], [0.5, 0.5]], dtype=torch.float64)
Y = torch.tensor([0, 0, 1, 1])
ENCODERS = {"audio": "audio_net", "video": "video_net"}


def given_loss(method, z0=Z0, z1=Z1, train=None):
    """The loss of features whose fused cross-entropy is log 2."""
    loader = [(z0, z1, Y)] if train is None else train
    none = [[0.0, 0.0], [0.0, 0.0]]
    model, balancer = bound(method, {"a": none, "b": none}, [0.0, 0.0], train=loader)
    return model, balancer, balancer.loss(model(z0, z1), Y) - math.log(2) + 0.9


def test_prototypes_and_distances_by_hand():
    for z, expected in ((Z0, [[0.5, 0], [1, 2]]), (Z1, [[0.45, 0.05], [0.55, 0.4]])):
        prototypes, present = class_prototypes(z, Y, 2)
        near(prototypes, expected, 1e-12)
        assert present.tolist() == [True, True]
    distances = torch.tensor(
        [[-0.5, -2.236068], [-0.5, -2], [-2.061553, -1], [-2.5, -1]], dtype=torch.float64
    )
    found = prototype_probabilities(Z0, class_prototypes(Z0, Y, 2)[0])
    torch.testing.assert_close(found, distances.softmax(1), rtol=0, atol=1e-6)


def test_coefficients_and_losses_by_hand():
    prototypes = [class_prototypes(z, Y, 2)[0] for z in (Z0, Z1)]
    chances = [prototype_probabilities(z, c) for z, c in zip((Z0, Z1), prototypes, strict=True)]
    scores = torch.stack([p.gather(1, Y[:, None]).sum() for p in chances])
    near(scores, [3.228323, 2.277376])
    near(rebalance_weights(scores)[0], [0, 0.417563])
    near(rebalance_weights(scores)[1], [0.417563, 0])
    near([-(p.gather(1, Y[:, None]).log().mean()) for p in chances], [0.215551, 0.563665])
    near([-(p * p.log()).sum(1).mean() for p in chances], [0.485599, 0.682984])
    near(given_loss(PMR(mu=0, share=1.0))[2], 1.135366)
    near(given_loss(PMR(share=1.0, regularise=1.0))[2], 1.133338)


@pytest.mark.parametrize(
    ("scores", "acceleration", "entropy"),
    [
        ([0.6, 0.5, 0.2], [0, 0.2, 1], [1, 1, 0]),
        ([0.9, 0.3], [0, 1], [1, 0]),
        ([0.4, 0.4, 0.4], [0, 0, 0], [0, 0, 0]),
        ([0.4, 0.0], [0, 1], [1, 0]),
        ([0.0, 0.0], [0, 0], [0, 0]),
        ([0.6, float("nan"), 0.5], [0, 0, 0.2], [0.2, 0, 0]),
    ],
)
def test_weights_for_any_number_of_modalities(scores, acceleration, entropy):
    found = rebalance_weights(torch.tensor(scores, dtype=torch.float64))
    near(found[0], acceleration, 1e-12)
    near(found[1], entropy, 1e-12)


def test_equal_modalities_are_left_alone():
    near(given_loss(PMR(share=1.0, regularise=1.0), Z0, Z0)[2], 0.9, 1e-12)


def test_prototypes_move_by_their_momentum_and_those_of_absent_classes_stay():
    method = PMR(momentum=0.2)
    method._follow("a", torch.tensor([[2.0, 2.0, 2.0], [3.0, 3.0, 1.0], [0.0, 0.0, 0.0]]))
    method._follow("a", torch.tensor([[0.5, 0.0, 1.0], [0.0, 0.0, 0.0], [4.0, 6.0, 2.0]]))
    near(method.state["prototypes"]["a"], [[0.6, 0.2], [3, 3], [2, 3]])
    assert method.state["present"]["a"].tolist() == [True, True, True]


def test_a_class_without_prototype_has_no_probability_and_no_gradient_that_is_no_number():
    prototypes, present = class_prototypes(Z0, Y, 3)
    assert present.tolist() == [True, True, False]
    found = prototype_probabilities(Z0, prototypes, present)
    near(found, [[0.850187, 0.149813, 0], [0.817574, 0.182426, 0],
                 [0.257013, 0.742987, 0], [0.182426, 0.817574, 0]])  # fmt: skip


def test_samples_of_a_class_without_prototype_are_left_out():
    first = [(Z0[:2], Z1[:2], Y[:2])]
    model, _, loss = given_loss(PMR(share=1.0, mu=0), train=first)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(net.weight.grad).all() for net in model.nets.values())
    near(loss, 0.9, 1e-12)  # one prototype: the probability of its class is 1
    _, balancer, _ = given_loss(PMR(share=1.0, mu=0), train=[(Z0[1:], Z1[1:], Y[1:])])
    scores = {r.name: r.values for r in balancer.decisions.records}["score"]
    assert 0 < scores[1] < scores[0] < 1


def test_the_gradient_at_a_prototype_itself_is_zero():
    z = Z0[:2].clone().requires_grad_()
    pmr_prototypes.log_probabilities(z, Z0[:1].clone(), None).sum().backward()
    assert torch.equal(z.grad[0], torch.zeros(2, dtype=torch.float64))
    assert torch.isfinite(z.grad).all()


def test_without_weights_it_is_joint_training_bit_for_bit():
    joint, idle = trained("joint"), trained("pmr", settings={"alpha": 0, "mu": 0})
    for name, weight in joint.weights.items():
        assert torch.equal(weight, idle.weights[name])
    assert not idle.balancer.setting.method.acted and trained("pmr", epochs=1).balancer


def test_entropy_is_rewarded_in_the_first_epochs_alone():
    method = start("pmr", settings={"regularise": 0.5}, epochs=4).balancer.setting.method
    early = [
        method._early(type("Step", (), {"epoch_index": e, "total_epochs": 4})) for e in range(4)
    ]
    assert early == [True, True, False, False]


def test_hard_coefficients_accelerate_all_but_the_one_ahead():
    weights = PMR(coefficients="hard", mu=0)._weights(torch.tensor([0.6, 0.5, 0.2]))[0]
    near(weights, [0, 1, 1])
    assert PMR(coefficients="hard", mu=0)._weights(torch.tensor([0.5, 0.5]))[0].tolist() == [0, 0]


def running(model, balancer, batches):
    """An epoch of plain steps, and the features that it trained on."""
    seen = {"a": [], "v": []}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for a, v, labels in batches:
        with torch.no_grad():
            for m, x in (("a", a), ("v", v)):
                seen[m].append(model.nets[m](x))
        balancer.loss(model(a, v), labels).backward()
        balancer.before_step()
        optimizer.step()
        optimizer.zero_grad()
    balancer.epoch_end()
    return {m: torch.cat(found) for m, found in seen.items()}


def test_running_prototypes_are_those_of_the_features_that_the_epoch_before_trained_on():
    weights = {"a": [[1.0, 0.0], [0.0, 1.0]], "v": [[0.5, -0.5], [0.0, 1.0]]}
    method = PMR(mu=0, momentum=0.0, prototypes="running")
    model, balancer = bound(method, weights, [0.0, 0.0])
    batches = [(Z0[:2], Z1[:2], Y[:2]), (Z0[2:], Z1[2:], Y[2:])]
    before = {}
    for _ in range(3):
        seen = running(model, balancer, batches)
        assert method.state["prototypes"].keys() == before.keys()
        for m, expected in before.items():
            torch.testing.assert_close(method.state["prototypes"][m], expected)
        before = {m: class_prototypes(found, Y, 2)[0] for m, found in seen.items()}
    assert method.acted


def test_running_sums_survive_a_restart():
    weights = {"a": [[1.0, 0.0], [0.0, 1.0]], "v": [[0.5, -0.5], [0.0, 1.0]]}
    method = PMR(mu=0, prototypes="running")
    model, balancer = bound(method, weights, [0.0, 0.0])
    balancer.loss(model(Z0, Z1), Y).backward()
    other = PMR(mu=0, prototypes="running")
    other.load_state_dict(method.state_dict())
    near(other.state["sums"]["a"][:, -1], [2, 2])


def test_the_control_weighs_every_modality_the_same_and_rewards_no_entropy():
    _, _, loss = given_loss(PMR(coefficient=0.5, share=1.0))
    near(loss, 0.9 + 0.5 * (0.215551 + 0.563665))


def test_a_modality_that_no_training_sample_holds_has_no_say():
    audio, video, labels = fusions.batch()
    present = torch.ones(24, 2, dtype=torch.bool)
    present[:, 1] = False
    model = fusions.built(fusions.Concatenation)
    balancer = Balancer(
        model, PMR(share=1.0, mu=0), ENCODERS, LinearSplit("fc"),
        loaders={"train": [(audio, video, labels, present)]},
        forward=lambda model, batch: (model(*batch[:2]), *batch[2:]),
    )  # fmt: skip
    plain = nn.functional.cross_entropy(model(audio, video), labels)
    loss = balancer.loss(model(audio, video), labels, present)
    torch.testing.assert_close(loss, plain, rtol=0, atol=1e-12)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5), st.randoms())
def test_weights_lie_in_the_unit_interval_and_follow_the_modalities(scores, shuffle):
    given_ = torch.tensor(scores, dtype=torch.float64)
    acceleration, entropy = rebalance_weights(given_)
    assert ((acceleration >= 0) & (acceleration <= 1)).all()
    assert ((entropy >= 0) & (entropy <= 1)).all()
    assert acceleration[given_.argmax()] == 0 and entropy[given_.argmin()] == 0
    if len(scores) == 2:
        assert (acceleration * entropy == 0).all()
    order = torch.tensor(shuffle.sample(range(len(scores)), len(scores)))
    assert torch.equal(rebalance_weights(given_[order])[0], acceleration[order])


@given(st.integers(2, 6), st.integers(1, 12), st.floats(-5, 5), st.integers(0, 999))
def test_probabilities_sum_to_one_and_do_not_see_a_common_shift(classes, rows, shift, seed):
    draw = torch.Generator().manual_seed(seed)
    z = torch.randn(rows, 3, generator=draw, dtype=torch.float64)
    c = torch.randn(classes, 3, generator=draw, dtype=torch.float64)
    found = prototype_probabilities(z, c)
    near(found.sum(1), [1.0] * rows, 1e-12)
    torch.testing.assert_close(prototype_probabilities(z + shift, c + shift), found)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PMR(momentum=1.0), "momentum must be below 1"),
        (lambda: PMR(share=0), "share"),
        (lambda: PMR(share=0.2, prototypes="running"), "share has no effect with prototypes"),
        (lambda: PMR(prototypes="drawn"), "share, running"),
        (lambda: PMR(coefficient=0.5, mu=0.1), "mu has no effect with a constant"),
        (lambda: PMR(coefficients="soft"), "ratio, hard"),
        (lambda: class_prototypes(Z0, Y[:3], 2), "a label for each row"),
        (lambda: prototype_probabilities(Z0, torch.zeros(2, 3).double()), "equally wide"),
        (lambda: rebalance_weights([1.0, 2.0]), "scores must be a tensor"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()


def test_several_labels_a_sample_are_refused():
    with pytest.raises(BalanceError, match="one class a sample"):
        start("pmr", task=MultiLabel())
