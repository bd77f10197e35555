import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError, Balancer, LinearSplit, Regression
from equimodal.functional import trend_ratios
from equimodal.methods.mslr import MSLR
from unit.two_encoders import Net


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


class Heard:
    """The end of an epoch with given accuracies."""

    def __init__(self, scores):
        self.scores, self.records = tensor(*scores), {}

    def accuracies(self, split):
        assert split == "val"
        return self.scores

    def record(self, name, values):
        self.records[name] = [float(v) for v in values]


class Names:
    def __init__(self, *names):
        self.names = names


def factors(method, *epochs):
    """Factors of the epoch after each of these."""
    method.on_start(Names(*"abcd"[: len(epochs[0])]))
    found = []
    for scores in epochs:
        method.on_epoch_end(Heard(scores))
        found.append(method.state["factors"])
    return found


FIVE = list(zip((0.40, 0.42, 0.44, 0.46, 0.48), (0.20, 0.25, 0.30, 0.35, 0.40), strict=True))


def test_the_trend_is_over_the_five_accuracies_before():
    found = factors(MSLR(base=[0.9, 1.1]), *FIVE, (0.50, 0.36))
    assert found[-1] == pytest.approx([1.022727, 1.32], abs=1e-6)
    ratios = trend_ratios(tensor(0.5, 0.36), tensor(*FIVE))
    assert ratios.tolist() == pytest.approx([1.136364, 1.2], abs=1e-6)


def test_a_short_history_leaves_the_base():
    found = factors(MSLR(base=[0.9, 1.1]), *FIVE)
    assert found == [[0.9, 1.1]] * 5


def test_three_modalities():
    found = factors(MSLR(), *[(0.5, 0.5, 0.5)] * 5, (0.5, 0.4, 0.6))
    assert found[-1] == pytest.approx([1, 0.8, 1.2])


def test_a_history_of_nothing_leaves_the_base():
    found = factors(MSLR(base=[0.9, 1.1]), *[(0.0, 0.5)] * 5, (0.3, 0.5))
    assert found[-1] == pytest.approx([0.9, 1.1])


def test_the_factor_is_not_cumulative_and_the_window_moves():
    found = factors(MSLR(history=1), (0.2, 0.5), (0.4, 0.5), (0.4, 0.5), (0.2, 0.5))
    assert [f[0] for f in found] == pytest.approx([1, 2, 1, 0.5])


def test_the_second_code_moves_the_base_every_so_many_epochs_with_the_latest_in_the_mean():
    found = factors(MSLR(history=2, cumulative=True), *[(a, 0.5) for a in (0.2, 0.4, 0.4, 0.8)])
    assert [f[0] for f in found] == pytest.approx([1, 4 / 3, 4 / 3, 16 / 9])


@given(st.floats(0.05, 1), st.lists(st.floats(0.1, 3), min_size=2, max_size=4))
def test_a_constant_accuracy_leaves_the_base(accuracy, base):
    found = factors(MSLR(base=base, history=2), *[[accuracy] * len(base)] * 5)
    assert all(f == pytest.approx(base) for f in found)


def test_kept_factors_of_1_are_joint_training_bit_for_bit():
    kept = trained("mslr-fixed", settings={"base": 1.0})
    assert_same_weights(kept.weights, trained("joint").weights)


def test_the_control_keeps_its_factors_whatever_the_accuracies_do():
    rising = [(0.1 * k, 0.05 * k) for k in range(1, 9)]
    assert factors(MSLR(base=[0.5, 2.0], strategy="keep"), *rising) == [[0.5, 2.0]] * 8


def one_step(**settings):
    training = start("mslr", settings=settings, optimizer=lambda p: torch.optim.SGD(p, 0.1))
    before = training.weights
    run(training, 1, batch_size=96)
    return {n: w - before[n] for n, w in training.weights.items()}


@pytest.mark.parametrize("released", [False, True])
def test_a_step_is_as_many_times_as_long_biases_and_norms_too(released):
    plain = one_step()
    moved = one_step(base=(0.5, 3.0), strategy="keep", released=released)
    for n, step in plain.items():
        factor = {"a": 0.5, "b": 3.0}.get(n.split(".")[1], 1.0)
        torch.testing.assert_close(moved[n], factor * step, rtol=1e-6, atol=1e-12)


def test_momentum_and_weight_decay_are_multiplied_too():
    plain, found = start("joint"), start("mslr", settings={"base": (0.0001, 1.0),
                                                           "strategy": "keep"})  # fmt: skip
    for training in (plain, found):
        run(training, 1)
    name = "encoders.a.0.weight"
    first = start("joint").weights[name]
    moved = (found.weights[name] - first).norm() / (plain.weights[name] - first).norm()
    assert moved < 1e-3


def test_accuracies_are_those_of_own_logits_on_the_validation_set():
    training = run(start("mslr", settings={"history": 1}), 2)
    rows = [r for r in training.balancer.decisions.drain() if r["name"] == "accuracy"]
    assert len(rows) == 2
    (inputs, labels), net = training.balancer.setting.loaders["val"][0], training.model
    for (m, encoder), block in zip(net.encoders.items(), net.head.weight.split(6, 1), strict=True):
        logits = encoder(inputs[m]) @ block.T + net.head.bias / 2
        share = (logits.argmax(1) == labels).double().mean().item()
        assert rows[-1]["values"][m] == pytest.approx(share)


def test_it_acts_on_the_update_or_says_why():
    net = Net()
    with pytest.raises(BalanceError, match="MSLR acts on the update, as its rule asks for"):
        Balancer(net, MSLR(), {"a": "a", "b": "b"}, LinearSplit("head"), on="gradient",
                 loaders={"val": []})  # fmt: skip
    balancer = Balancer(net, MSLR(), {"a": "a", "b": "b"}, LinearSplit("head"),
                        loaders={"val": []})  # fmt: skip
    assert balancer.setting.on == "update"
    with pytest.raises(BalanceError, match=r"found no optimizer.*attach\(optimizer\)"):
        balancer.loss(net(torch.randn(4, 3), torch.randn(4, 5)), torch.tensor([0, 1, 0, 1]))


def test_numbers_have_no_accuracy():
    assert "accuracy of classes" in MSLR().unsuited(Regression())
    assert MSLR(strategy="keep").unsuited(Regression()) == ""


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MSLR(base=0), "A base of MSLR must be a number"),
        (lambda: MSLR(strategy="fixed"), "MSLR strategy must be one of dynamic, keep"),
        (lambda: MSLR(history=0), "MSLR history must be a whole number"),
        (lambda: MSLR(cumulative=1), "MSLR cumulative must be"),
        (lambda: MSLR(released="yes"), "MSLR released must be"),
        (lambda: MSLR(strategy="keep", history=2), "history has no effect"),
        (lambda: MSLR(base=[1, 1, 1]).on_start(Names("a", "b")), r"base for each of \['a', 'b'\]"),
        (lambda: trend_ratios(tensor(1, 2), tensor((1, 2, 3))), r"history must be \(n, 2\)"),
    ],
)
def test_what_is_out_of_range_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
