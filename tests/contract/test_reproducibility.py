import random

import numpy as np
import pytest
import torch

from contract.training import assert_same_weights, trained
from products import by_class, every


def random_streams():
    """Where the global streams of torch, numpy and Python stand."""
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


@pytest.mark.parametrize("name", by_class())
def test_the_same_seed_gives_the_same_training_and_leaves_the_global_streams_alone(name):
    torch.manual_seed(1)
    one = trained(name)
    torch.manual_seed(2)
    before = random_streams()
    other = trained(name)

    assert random_streams() == before
    assert one.losses == other.losses
    assert one.balancer.decisions.drain() == other.balancer.decisions.drain()
    assert_same_weights(one.weights, other.weights)


@pytest.mark.parametrize("name", every())
def test_every_method_acts_within_the_trainings_of_these_tests(name):
    assert trained(name).balancer.setting.method.acted


@pytest.mark.parametrize("name", every())
def test_another_seed_gives_another_training(name):
    assert trained(name, seed=1, epochs=1).losses != trained(name, seed=2, epochs=1).losses
