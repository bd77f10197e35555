import pytest
import torch

from contract.training import assert_same_weights, largest_difference, trained
from equimodal import methods
from products import by_class

PER_UPDATE = [n for n in methods.names() if not methods.load(n).per_forward]


@pytest.mark.parametrize("name", by_class(PER_UPDATE))
def test_two_micro_batches_of_8_equal_one_batch_of_16(name):
    one, two = trained(name), trained(name, parts=2)

    # A direction that nearly vanishes is lengthened, and its rounding with it.
    limit = 1e-5 if one.balancer.setting.method.rewrites else 1e-10
    assert largest_difference(one.weights, two.weights) < limit
    updates = 24 * methods.create(name).repeats(2)
    assert one.balancer.step_index == two.balancer.step_index == updates
    assert names_and_steps(one) == names_and_steps(two)


def names_and_steps(training):
    return [(r["step"], r["name"]) for r in training.balancer.decisions.drain()]


def test_only_methods_that_choose_rows_or_change_features_or_losses_act_at_every_forward_pass():
    for name in set(methods.names()) - set(PER_UPDATE):
        stages = ("on_plan", "on_features", "on_loss")
        made = methods.create(name)
        assert made.lists_items or any(map(made.has_stage, stages)), name


@pytest.mark.parametrize("name", by_class())
def test_a_loss_scaler_changes_nothing(name):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)

    assert_same_weights(trained(name).weights, trained(name, scaler=scaler).weights)
