"""A single process; two ranks are in tests/contract/test_ranks.py."""

import torch

from equimodal.parts import distributed


def test_a_single_process_is_the_first_of_one_rank():
    assert not distributed.is_distributed()
    assert (distributed.rank(), distributed.world_size()) == (0, 1)


def test_a_single_process_keeps_its_values():
    values = torch.tensor([1.0, 2.0])
    assert distributed.sum_over_ranks(values) is values
    assert distributed.broadcast_from_first(values, torch.device("cpu")) is values
