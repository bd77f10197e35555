"""LFM: its losses and schedules by hand, and its own properties."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract import fusions
from contract.training import assert_same_weights, start, trained
from equimodal import LFM, BalanceError, Balancer, LinearSplit, MultiLabel
from equimodal.balancing.epochs.evaluation import epoch_of
from equimodal.functional import alignment, matching_slope, matching_weight
from equimodal.methods.lfm_learned import epoch_gradients
from unit.given_features import bound, near, rows

EYE = torch.eye(3).tolist()
A, V, T = rows([[1, 0, 0], [0, 2, 0]], [[0, 1, 0], [0, 2, 0]], [[0, 0, 3], [1, 0, 0]])
Y = torch.tensor([0, 1])


def loss(method, *features):
    model, balancer = bound(method, dict.fromkeys("avt"[: len(features)], EYE), [0.0] * 3)
    return balancer.loss(model(*features), Y)


def test_alignment_by_hand():
    near(alignment(A, V), 0.047329)
    near(alignment(*rows([[20, 0]], [[0, 20]])), 9.306853)
    p, q = A.softmax(1), V.softmax(1)
    middle = (p + q) / 2
    true = (p * (p / middle).log() + q * (q / middle).log()).sum(1).mean() / 2
    near(true, 0.043715)  # the Jensen-Shannon divergence, which it is not


@pytest.mark.parametrize(
    ("settings", "features", "expected"),
    [
        ({"weight": 0.0}, (A, V), 0.598782),
        ({"weight": 1.0}, (A, V), 0.047329),
        ({"weight": 0.25, "scale": 2.0}, (A, V), 0.921838),
        ({"weight": 0.25}, (A, V), 0.460919),
        ({"weight": 1.0}, (A, V, T), 0.213978),
        ({"weight": 0.0}, (A, V, T), 0.931314),
    ],
)
def test_a_loss_by_hand(settings, features, expected):
    near(loss(LFM("fixed", classify="mean", **settings), *features), expected)


def test_classes_by_the_fused_logits():
    near(loss(LFM("fixed", weight=0.0), A, V), torch.nn.functional.cross_entropy(A + V, Y), 1e-12)


def test_schedules_by_hand():
    found = [matching_weight(t) for t in (1, 2, 5, 10, 50)]
    near(found, [0.632121, 0.393469, 0.181269, 0.095163, 0.019801])
    found = [1 - matching_weight(e + 1, "fitted", 200) for e in (0, 10, 50, 100, 150, 199)]
    near(found, [0.204624, 0.247759, 0.436681, 0.539155, 0.821314, 0.915989])
    assert matching_weight(51, "fitted", 100) == matching_weight(101, "fitted", 200)


def test_the_schedule_is_that_of_the_epoch():
    near(loss(LFM(classify="mean"), A, V), (1 - 0.632121) * 0.598782 + 0.632121 * 0.047329)
    model, balancer = bound(LFM(classify="mean"), dict.fromkeys("av", EYE), [0.0] * 3)
    balancer.epoch_index = 4
    share = 0.181269
    near(balancer.loss(model(A, V), Y), (1 - share) * 0.598782 + share * 0.047329)


def test_equal_modalities_match_and_have_no_gradient():
    z = A.clone().requires_grad_()
    alignment(z, A).backward()
    near(alignment(A, A), 0, 1e-15)
    assert z.grad.abs().max() < 1e-15


def test_without_weight_it_is_joint_training_bit_for_bit():
    idle = trained("lfm", settings={"schedule": "fixed", "weight": 0.0})
    assert_same_weights(trained("joint").weights, idle.weights)


def test_rows_that_lack_a_modality_have_the_mean_of_the_others():
    model, balancer = bound(
        LFM("fixed", weight=0.0, classify="mean"), dict.fromkeys("av", EYE), [0.0] * 3
    )
    present = torch.tensor([[True, False], [True, True]])
    found = balancer.loss(model(A, V), Y, present)
    wanted = torch.stack([A[0], (A[1] + V[1]) / 2])
    near(found, torch.nn.functional.cross_entropy(wanted, Y), 1e-12)


@given(st.integers(0, 999), st.floats(0.1, 30))
def test_alignment_is_symmetric_and_no_reward(seed, scale):
    draw = torch.Generator().manual_seed(seed)
    one, other = (scale * torch.randn(4, 3, generator=draw).double() for _ in "ab")
    found = alignment(one, other)
    assert found >= 0 and math.isfinite(found)
    near(alignment(other, one), found, 1e-9)


@given(st.integers(2, 300))
def test_both_schedules_fall(epochs):
    for schedule, falls in (("heuristic", 1.0), ("fitted", 0.9)):
        shares = [matching_weight(t, schedule, epochs) for t in range(1, epochs + 1)]
        assert all(0 <= share < 1 for share in shares)
        falling = shares[: int(falls * epochs)]  # the polynomial rises again at its end
        assert all(one >= other for one, other in pairwise(falling))


def test_a_slope_by_hand():
    held_out, matching, classes = rows([-1, 0], [0, -2], [-1, 0])
    near(matching_slope(held_out, matching, classes), 1 / math.sqrt(5))
    # F = |theta - (1, 0)|^2 / 2, matching |theta - (0, 2)|^2 / 2, theta = 0, eta .1, alpha .5:
    # .1 of the slope times both lengths to first order, and .115 at theta' = (.05, .1).
    difference = matching - classes
    lengths = held_out.norm() * difference.norm()
    near(0.1 * lengths * matching_slope(held_out, matching, classes), 0.1)
    (ahead,) = rows([-0.95, 0.1])
    lengths = ahead.norm() * difference.norm()
    near(0.1 * lengths * matching_slope(ahead, matching, classes), 0.115)


def test_a_gradient_of_zeros_has_no_slope():
    zero, one, other = rows([0, 0], [1, 2], [2, 1])
    assert matching_slope(zero, one, other) == 0
    assert matching_slope(one, other, other) == 0
    assert matching_slope(one, one / zero, other) == 0


def learner(rate=0.05, look_ahead=0.0, initial=0.95):
    """A balancer of a learned weight, whose training and held-out batches differ."""
    model, method = (
        fusions.built(fusions.Concatenation),
        LFM(
            "learned", rate=rate, look_ahead=look_ahead, initial=initial, share=1.0, classify="mean"
        ),
    )
    audio, video, labels = fusions.batch()
    data = {"train": [(audio[:8], video[:8], labels[:8]), (audio[8:20], video[8:20], labels[8:20])],
            "val": [(audio[20:], video[20:], labels[20:])]}  # fmt: skip
    balancer = Balancer(
        model, method, {"audio": "audio_net", "video": "video_net"}, LinearSplit("fc"),
        loaders=data, forward=lambda net, given: (net(*given[:2]), given[2]),
    )  # fmt: skip
    return model, balancer, data


def by_hand(model, data, weight, eta):
    """The held-out loss of classes after one step of SGD with a weight of matching."""
    given = {n: p.detach().clone() for n, p in model.named_parameters()}

    def losses(parameters, batch):
        audio, video, labels = batch
        nets = {m: torch.func.functional_call(
            getattr(model, f"{m}_net"),
            {n.removeprefix(f"{m}_net."): p for n, p in parameters.items() if n.startswith(m)}, x,
        ) for m, x in (("audio", audio), ("video", video))}  # fmt: skip
        half = parameters["fc.bias"] / 2
        a, v = (z @ w.T + half for z, w in zip(
            nets.values(), parameters["fc.weight"].split(6, 1), strict=True))  # fmt: skip
        return alignment(a, v), torch.nn.functional.cross_entropy((a + v) / 2, labels)

    def weighted(parameters):
        total = 0.0
        for batch in data["train"]:
            matching, classes = losses(parameters, batch)
            total = total + len(batch[2]) * ((1 - weight) * classes + weight * matching)
        return total / sum(len(batch[2]) for batch in data["train"])

    slopes = torch.func.grad(weighted)(given)
    moved = {n: p - eta * slopes[n] for n, p in given.items()}
    return float(losses(moved, data["val"][0])[1])


def test_the_weight_descends_the_held_out_loss_after_a_step():
    eta, weight, h = 0.3, 0.6, 1e-5
    model, balancer, data = learner(rate=0.01, look_ahead=eta, initial=weight)
    ends = [by_hand(model, data, weight + d, eta) for d in (h, -h)]
    derivative = (ends[0] - ends[1]) / (2 * h)
    with torch.enable_grad():
        epoch = epoch_of(balancer.setting, balancer._moment())
        found = epoch_gradients(epoch, balancer.setting.method._losses, weight, 1.0, eta)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    near(-eta * (found[0] @ (found[1] - found[2])), derivative, 1e-8)
    slope = float(matching_slope(*found))
    balancer.epoch_end()
    near(balancer.setting.method.state["weight"], weight - 0.01 * slope, 1e-9)
    assert_same_weights(before, {n: p.detach() for n, p in model.named_parameters()})
    assert all(p.grad is None for p in model.parameters())
    (record,) = balancer.decisions.drain()
    assert record["name"] == "matching" and set(record["values"].values()) == {
        balancer.setting.method.state["weight"]
    }


def test_the_learned_weight_is_that_of_the_next_loss_and_stays_within_its_limits():
    model, balancer, data = learner(rate=100.0)
    audio, video, labels = data["val"][0]
    balancer.epoch_end()
    found = balancer.setting.method.state["weight"]
    assert found in (0.05, 0.95)
    balancer.setting.method.state["weight"] = 0.3
    loss = balancer.loss(model(audio, video), labels)
    matching, classes = balancer.setting.method._losses(
        balancer.setting.step(balancer._moment(), model(audio, video), labels,
                              balancer.setting.modalities.record.take_features(), None)
    )  # fmt: skip
    near(loss, 0.7 * classes + 0.3 * matching, 1e-12)


def test_a_start_from_a_checkpoint_keeps_the_learned_weight():
    one = trained("lfm-learned", epochs=3, settings={"rate": 0.3, "share": 1.0})
    other = start("lfm-learned", epochs=3, settings={"rate": 0.3, "share": 1.0})
    other.balancer.load_state_dict(one.balancer.state_dict())
    assert one.balancer.setting.method.state["weight"] < 0.95
    assert other.balancer.setting.method.state == one.balancer.setting.method.state


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LFM(weight=0.3), "weight has no effect but with schedule='fixed'"),
        (lambda: LFM("learnt"), "heuristic, fitted, learned, fixed"),
        (lambda: LFM(rate=0.1), "rate has no effect but with schedule='learned'"),
        (lambda: LFM("learned", initial=0.99), "initial must be a number from 0.05 to 0.95"),
        (lambda: matching_slope(A[0], V[0], V[0, :2]), "of one length"),
        (lambda: matching_weight(3, "fitted"), "planned epochs"),
        (lambda: alignment(A, V[:1]), "same samples"),
        (lambda: start("lfm", task=MultiLabel()), "one class"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
