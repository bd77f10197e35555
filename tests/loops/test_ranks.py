"""Two ranks under Lightning and Fabric."""

import pytest

from contract.pair import both_ranks
from contract.test_ranks import OWN
from equimodal import methods
from loops import ranks
from loops.plain import gap, plain
from products import together


# One test for all methods: under pytest-xdist every worker would start its own pair.
@pytest.mark.processes
@pytest.mark.parametrize("names", together())
def test_two_ranks_stay_identical_and_equal_one_process_where_their_batches_do(names, tmp_path):
    first, second = both_ranks(ranks.train_all, tmp_path, names)

    assert first.keys() == second.keys() == set(names)
    apart = {(n, loop): gap(first[n][loop], second[n][loop]) for n in first for loop in first[n]}
    assert {k: g for k, g in apart.items() if g != 0} == {}
    # Of a list of rows the ranks leave out what does not divide among them.
    from_one = {
        n: gap(first[n]["lightning"], plain(n, unpaired=True, samples=ranks.UNEVEN))
        for n in first if not methods.create(n).own_batches and ("", n) not in OWN
    }  # fmt: skip
    assert {n: g for n, g in from_one.items() if g > 1e-6} == {}, from_one
