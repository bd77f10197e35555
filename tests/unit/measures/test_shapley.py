"""Shapley values: the axioms, against all orders, and sampled."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equimodal.measures.shapley import interactions, sampled_shapley
from equimodal.numerics.shapley import shapley_values
from reference.shapley import interaction, shapley

NUMBERS = st.floats(-1e3, 1e3, allow_nan=False, width=64)


@st.composite
def games(draw, least=2, most=5):
    """What every coalition is worth: (2^M,)."""
    count = draw(st.integers(least, most))
    worth = draw(st.lists(NUMBERS, min_size=2**count, max_size=2**count))
    return count, torch.tensor(worth, dtype=torch.float64)


def without(worth, m):
    """The coalition's number with modality m taken out of it."""
    return torch.stack([worth[s & ~(1 << m)] for s in range(len(worth))])


def swapped(coalition, a, b):
    has_a, has_b = coalition >> a & 1, coalition >> b & 1
    return coalition & ~(1 << a) & ~(1 << b) | has_a << b | has_b << a


def as_sets(worth, count):
    every = range(2**count)
    return {frozenset(m for m in range(count) if s >> m & 1): float(worth[s]) for s in every}


@given(games())
def test_the_values_sum_to_the_total(game):
    _, worth = game
    assert float(shapley_values(worth).sum()) == pytest.approx(
        float(worth[-1] - worth[0]), abs=1e-9
    )


@given(games(), st.data())
def test_a_dummy_that_changes_nothing_gets_nothing(game, data):
    count, worth = game
    m = data.draw(st.integers(0, count - 1))
    values = shapley_values(without(worth, m))
    assert abs(float(values[m])) < 1e-9
    assert interactions(without(worth, m))[m].abs().max() < 1e-9


@given(games(), st.data())
def test_twins_that_can_be_exchanged_get_the_same(game, data):
    count, worth = game
    a, b = data.draw(st.sampled_from([(i, j) for i in range(count) for j in range(i)]))
    twins = torch.stack([(worth[s] + worth[swapped(s, a, b)]) / 2 for s in range(2**count)])
    values = shapley_values(twins)
    assert float(values[a]) == pytest.approx(float(values[b]), abs=1e-9)


@given(games(most=4))
def test_the_values_are_the_mean_over_all_orders(game):
    count, worth = game
    assert shapley_values(worth).tolist() == pytest.approx(
        shapley(as_sets(worth, count), count), abs=1e-8
    )


@given(games(most=4), st.data())
def test_the_interaction_is_the_mean_over_all_orders_of_the_pair(game, data):
    count, worth = game
    a, b = data.draw(st.sampled_from([(i, j) for i in range(count) for j in range(i)]))
    found = interactions(worth)
    assert float(found[a, b]) == float(found[b, a])
    assert float(found[a, b]) == pytest.approx(
        interaction(as_sets(worth, count), count, a, b), abs=1e-8
    )


def test_two_that_need_each_other_are_synergy_and_two_of_the_same_are_redundant():
    needs_both = torch.tensor([0.0, 0.0, 0.0, 1.0])
    either = torch.tensor([0.0, 1.0, 1.0, 1.0])
    assert (interactions(needs_both)[0, 1], interactions(either)[0, 1]) == (1, -1)
    assert interactions(needs_both).diagonal().tolist() == [0, 0]


def test_values_of_many_samples_are_those_of_each():
    worth = torch.rand(8, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together = shapley_values(worth)
    assert together.shape == (3, 5, 2)
    assert torch.allclose(together[:, 3, 1], shapley_values(worth[:, 3, 1]), atol=1e-12)


def test_a_number_that_is_no_number_of_coalitions_is_refused():
    with pytest.raises(ValueError, match="6 is no number of coalitions"):
        shapley_values(torch.zeros(6))


@pytest.mark.parametrize("count", [2, 5, 7])
def test_sampled_values_sum_to_the_total_and_lie_in_their_interval(count):
    """95 % of the intervals hold the exact value: of 40 games at least 9 in 10."""
    held = total = 0
    for seed in range(40):
        draw = torch.Generator().manual_seed(seed)
        worth = torch.rand(2**count, dtype=torch.float64, generator=draw)
        found = sampled_shapley(worth.__getitem__, count, orders=30, seed=seed)
        exact = shapley_values(worth)
        assert float(found.values.sum()) == pytest.approx(float(worth[-1] - worth[0]), abs=1e-9)
        assert ((found.low <= found.values) & (found.values <= found.high)).all()
        inside = (found.low - 1e-12 <= exact) & (exact <= found.high + 1e-12)
        held, total = held + int(inside.sum()), total + count
    assert held >= 0.9 * total


def test_a_sampled_dummy_gets_nothing_and_each_coalition_is_asked_once():
    asked = []

    def worth(coalition):
        asked.append(coalition)
        return torch.tensor(float((coalition & ~1).bit_count() ** 2))

    found = sampled_shapley(worth, 7, orders=20, seed=1)
    assert (found.values[0], found.low[0], found.high[0]) == (0, 0, 0)
    assert len(asked) == len(set(asked))
