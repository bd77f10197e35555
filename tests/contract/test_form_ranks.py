"""Every form of readout and task trains compiled, under DDP and in shards as it does plainly."""

import pytest
import torch

from contract import form_ranks
from contract.pair import both_ranks
from contract.training import assert_same_weights, largest_difference


@pytest.mark.parametrize("case", form_ranks.CASES)
@pytest.mark.parametrize("name", form_ranks.METHODS)
def test_a_compiled_model_is_trained_as_the_plain_one(case, name):
    torch.compiler.reset()
    compiled = form_ranks.result(case, name, "compiled")
    assert largest_difference(compiled, form_ranks.result(case, name)) < 1e-12


@pytest.mark.processes
def test_two_ranks_stay_identical_and_equal_one_process(tmp_path):
    first, second = both_ranks(form_ranks.train_all, tmp_path, form_ranks.METHODS)
    assert len(first) == 2 * len(form_ranks.CASES) * len(form_ranks.METHODS)
    for key, weights in first.items():
        _, case, name = key.split(", ")
        assert_same_weights(weights, second[key])
        assert largest_difference(form_ranks.result(case, name), weights) < 1e-9, key
