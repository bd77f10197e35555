"""Pseudo-values of blocks, and what they are of a mean."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equimodal.errors import BalanceError
from equimodal.numerics.blocks import MOST_BLOCKS, blocks, pseudo_values


def test_of_a_mean_over_blocks_of_one_they_are_the_samples():
    values = torch.tensor([1.0, 0.0, 4.0], dtype=torch.float64)

    def mean(kept):
        return (kept.double() @ values) / kept.sum(1)

    found, numbers = pseudo_values("mean", mean, torch.arange(3))
    assert found.tolist() == pytest.approx([1.0, 0.0, 4.0])
    assert numbers.tolist() == [0, 1, 2]


def test_they_are_the_textbooks_formula():
    values = torch.tensor([1.0, 2.0, 3.0, 10.0], dtype=torch.float64)

    def spread(kept):
        return torch.stack([values[own].max() - values[own].min() for own in kept])

    found, _ = pseudo_values("range", spread, torch.tensor([0, 0, 1, 1]))
    # 9 of all, 7 without the first block, 1 without the second: 2 * 9 - 7 and 2 * 9 - 1.
    assert found.tolist() == [11.0, 17.0]


def test_a_measure_without_a_value_after_a_deletion_is_refused_by_name():
    def one(kept):
        return torch.where(kept[:, 0], 1.0, torch.nan)

    with pytest.raises(BalanceError, match="auroc has no value once a part of its samples is del"):
        pseudo_values("auroc", one, torch.arange(3))
    with pytest.raises(BalanceError, match="auroc has no value"):
        pseudo_values("auroc", one, torch.zeros(3, dtype=torch.long))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 130), st.integers(1, 4), st.integers(2, 5), st.integers(0, 10**6))
def test_blocks_hold_whole_units_and_every_class_by_its_share(count, copies, classes, seed):
    draw = torch.Generator().manual_seed(seed)
    of_unit = torch.randint(classes, (count,), generator=draw)
    units = torch.arange(count).repeat(copies)
    labels = of_unit.repeat(copies)
    one, other = blocks([units, units.flip(0)], [labels, labels.flip(0)])
    assert torch.equal(one, other.flip(0))
    assert len(one.unique()) == min(count, MOST_BLOCKS)
    assert all(len(one[units == unit].unique()) == 1 for unit in range(count))
    for label in range(classes):
        sizes = torch.bincount(one[:count][of_unit == label], minlength=min(count, MOST_BLOCKS))
        assert int(sizes.max() - sizes.min()) <= 1
