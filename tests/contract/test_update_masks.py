"""Decisions on the optimizer's update: ``Balancer(..., on="update")``."""

import copy
import math
import warnings

import pytest
import torch

from contract.training import assert_same_weights, run, sgd, start, trained
from equimodal import BalanceError, methods
from products import by_class

KINDS = ("linear", "convolutional", "multihead", "lstm")
EDITING = [n for n in methods.names() if methods.create(n).edits_gradients()]
REWRITING = [n for n in EDITING if methods.create(n).rewrites]
# And that change them: some only look.
MASKING = [
    n for n in EDITING
    if n not in REWRITING and not methods.create(n).on and methods.create(n).normalised
]  # fmt: skip


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


def one_update(training):
    """Weights before, as the optimizer alone leaves them, and as they are after one update."""
    inputs, targets = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), targets).backward()
    before = training.weights
    alone = copy.deepcopy(training.model)
    for mine, theirs in zip(alone.parameters(), training.model.parameters(), strict=True):
        mine.grad = theirs.grad.clone()
    stepper = training.optimizer.__class__(alone.parameters(), lr=0.1)
    stepper.load_state_dict(copy.deepcopy(training.optimizer.state_dict()))
    stepper.step()
    training.balancer.before_step()
    training.optimizer.step()
    training.optimizer.zero_grad()
    return before, {n: p.detach() for n, p in alone.named_parameters()}, training.weights


def of_units(modalities, tensors):
    """(modality, layer, unit) -> all values of the unit in these weights, gates and heads too."""
    name = {id(p): n for n, p in modalities.model.named_parameters()}
    for m in modalities.names:
        for layer in modalities.units(m):
            views = [p.view(tensors[name[id(p.parameter)]]).movedim(p.axis, 0) for p in layer.parts]
            for unit in range(layer.count):
                values = torch.cat([v[unit].flatten() for v in views])
                yield (m, layer.name, unit), values


@pytest.mark.parametrize("optimizer", [sgd, adam])
@pytest.mark.parametrize("name", ["amss", "amss-fixed"])
def test_a_unit_that_is_not_drawn_stands_still_and_one_that_is_moves_as_the_optimizer_says(
    name, optimizer
):
    # Two epochs first, so that momentum would move the masked units.
    training = run(start(name, kinds=KINDS, on="update", optimizer=optimizer), 2)
    before, alone, after = one_update(training)
    training.balancer.epoch_end()

    modalities = training.balancer.setting.modalities
    old, new, free = (dict(of_units(modalities, w)) for w in (before, after, alone))
    stood = {u for u in old if torch.equal(old[u], new[u])}
    assert all(torch.equal(new[u], free[u]) for u in old.keys() - stood)
    assert not any(torch.equal(old[u], free[u]) for u in old)
    last = [r for r in training.balancer.decisions.drain() if r["name"] == "fraction"][-1]
    for m in modalities.names:
        for layer in modalities.units(m):
            moved = [u for u in old.keys() - stood if u[:2] == (m, layer.name)]
            assert len(moved) == math.ceil(layer.count * last["values"][m] - 1e-6)
    in_units = {id(p.parameter) for m in modalities.names for u in modalities.units(m)
                for p in u.parts}  # fmt: skip
    for parameter_name, parameter in training.model.named_parameters():
        if id(parameter) not in in_units:
            assert torch.equal(after[parameter_name], alone[parameter_name]), parameter_name


@pytest.mark.parametrize("name", ["amss+", "amss+-fixed"])
def test_an_unbiased_mask_multiplies_the_whole_update_of_a_unit_by_one_factor(name):
    training = run(start(name, kinds=KINDS, on="update"), 1)
    before, alone, after = one_update(training)

    modalities = training.balancer.setting.modalities
    old, new, free = (dict(of_units(modalities, w)) for w in (before, after, alone))
    for unit in old:
        if torch.equal(old[unit], new[unit]):
            continue
        change, full = new[unit] - old[unit], free[unit] - old[unit]
        factor = float(change @ full / (full @ full))
        assert 1 <= factor <= 10
        torch.testing.assert_close(change, factor * full, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", by_class(n for n in methods.names() if n not in EDITING))
def test_it_changes_nothing_for_a_method_that_leaves_gradients_alone(name):
    assert_same_weights(trained(name, on="update").weights, trained(name).weights)


# What these add stays on the gradient, and they multiply by nothing.
NEUTRAL = {"ge", "inforeg", "inforeg-fixed"}


@pytest.mark.parametrize("name", by_class(n for n in MASKING if n not in NEUTRAL))
def test_it_differs_from_masking_gradients_where_there_is_momentum(name):
    on_update, on_gradient = trained(name, on="update"), trained(name)
    assert any(not torch.equal(p, on_gradient.weights[n]) for n, p in on_update.weights.items())


@pytest.mark.parametrize("name", REWRITING)
def test_a_method_that_writes_gradients_of_its_own_refuses_it(name):
    with pytest.raises(BalanceError, match=r"writes gradients of its own.*leave out on="):
        start(name, on="update")


@pytest.mark.parametrize("name", by_class(n for n in methods.names() if n not in REWRITING))
def test_adam_is_warned_about_once_where_masks_are_on_gradients_only(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(start(name, optimizer=adam, epochs=2), 2)
        run(start(name, optimizer=adam, epochs=2, on="update"), 2)

    told = [w for w in caught if "Pass on='update'" in str(w.message)]
    assert len(told) == (name in MASKING)
    assert not set(caught) - set(told)


def test_a_step_that_the_loss_scaler_skips_leaves_the_next_update_right():
    training = start("amss", on="update")
    inputs, targets = training.data.take(torch.arange(16))
    training.balancer.loss(training.model(inputs), targets).backward()
    training.balancer.before_step()
    training.optimizer.zero_grad()

    before, alone, after = one_update(training)

    assert_same_weights({"head": after["head.weight"]}, {"head": alone["head.weight"]})
    rows = [(after[n], before[n], alone[n]) for n in ("encoders.a.0.weight", "encoders.a.2.weight")]
    for new, old, free in rows:
        assert all(torch.equal(x, y) or torch.equal(x, z)
                   for x, y, z in zip(new, old, free, strict=True))  # fmt: skip
