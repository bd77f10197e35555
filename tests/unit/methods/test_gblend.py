"""G-Blending: its weights by hand, and its own properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from contract.training import assert_same_weights, run, start, trained
from equimodal import BalanceError, GBlending
from equimodal.functional import blending_weights
from unit.given_features import near


def weights(*losses, **options):
    return blending_weights(*(torch.tensor(x, dtype=torch.float64) for x in losses), **options)


STARTS = [1.8] * 3


@pytest.mark.parametrize(
    ("losses", "options", "expected"),
    [
        ((STARTS, STARTS, [0.9, 1.2, 0.6], [1.3, 1.4, 1.1]), {}, [0.196232, 0.627943, 0.175824]),
        (([1, 1], [1.1, 1.2], [0.6, 0.5], [1.2, 1.0]), {}, [0, 1]),
        (([1, 1], [1.1, 1.2], [0.6, 0.5], [1.2, 1.0]), {"sign": "lost"}, [0.152542, 0.847458]),
        (([1, 1], [1, 1], [0.9, 0.8], [1.1, 1.2]), {}, [0.5, 0.5]),
        (([1, 1], [1.2, 1.2], [0.8, 0.7], [1.0, 1.1]), {}, [0.998752, 0.001248]),
        (([1, 1], [1, float("nan")], [0.5, 0.5], [0.8, 0.9]), {}, [0.5, 0.5]),
    ],
)
def test_weights_by_hand(losses, options, expected):
    near(weights(*losses, **options), expected)


LOSSES = st.lists(st.tuples(*[st.floats(0.1, 3)] * 4), min_size=2, max_size=5)


@given(LOSSES, st.floats(0.5, 2), st.randoms())
def test_weights_are_shares_that_follow_the_streams(streams, factor, shuffle):
    found = weights(*map(list, zip(*streams, strict=True)))
    assert (found >= 0).all()
    near(found.sum(), 1, 1e-9)
    order = shuffle.sample(range(len(streams)), len(streams))
    mixed = weights(*map(list, zip(*(streams[k] for k in order), strict=True)))
    torch.testing.assert_close(mixed, found[order])


def test_a_factor_on_all_losses_changes_nothing():
    losses = (STARTS, STARTS, [0.9, 1.2, 0.6], [1.3, 1.4, 1.1])
    near(weights(*([3 * x for x in part] for part in losses)), weights(*losses), 1e-12)


def test_before_the_first_estimate_all_weigh_the_same():
    equal = trained("gblend-fixed", epochs=2)
    assert_same_weights(trained("gblend", epochs=2, settings={"every": 10}).weights, equal.weights)
    assert trained("gblend", epochs=3).weights.keys() == equal.weights.keys()


def test_the_losses_are_those_of_the_model_around_the_super_epoch():
    training = start("gblend", settings={"every": 2}, epochs=6)
    method = training.balancer.setting.method
    first = None
    for epoch in range(4):
        run(training, 1)
        state = method.state
        if epoch == 0:
            first = state["start"]
            assert state["weights"] is None and state["epochs"] == 1
        if epoch == 1:
            expected = weights(*first, *state["start"])
            near(state["weights"], expected, 1e-12)
            assert state["start"] != first and len(state["weights"]) == 3
            second = state["weights"]
    assert method.state["weights"] != second


def test_the_loss_is_the_weighted_sum():
    training = start("gblend")
    method, balancer = training.balancer.setting.method, training.balancer
    method.state["weights"], method.state["start"] = [0.2, 0.3, 0.5], [[0.0] * 3] * 2
    inputs, labels = training.data.inputs, training.data.labels
    loss = balancer.loss(training.model(inputs), labels)
    output = training.model(inputs)
    weight, bias = training.model.head.weight, training.model.head.bias / 2
    own = [f @ weight[:, 6 * k : 6 * k + 6].T + bias for k, f in enumerate(output.features)]
    ce = torch.nn.functional.cross_entropy
    wanted = 0.2 * ce(own[0], labels) + 0.3 * ce(own[1], labels) + 0.5 * ce(output.logits, labels)
    near(loss, wanted.detach(), 1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GBlending(0), "every"),
        (lambda: GBlending(5, weights="equal"), "every has no effect with weights='equal'"),
        (lambda: weights([1.0], [1.0], [1.0], [1.0, 2.0]), "same streams"),
        (lambda: weights([1.0], [1.0], [1.0], [1.0], sign="both"), "kept, lost"),
    ],
)
def test_what_has_no_meaning_is_refused(call, words):
    with pytest.raises(BalanceError, match=words):
        call()
