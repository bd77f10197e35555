"""Two ranks under Lightning and Fabric."""

import multiprocessing
import time

import torch

from equimodal import methods
from loops import ranks
from loops.plain import gap, plain

SECONDS = 150


def two_ranks(folder):
    """What both ranks found, from one pair of processes for all methods and both loops."""
    context = multiprocessing.get_context("spawn")
    pair = [context.Process(target=ranks.train_all, args=(r, str(folder))) for r in (0, 1)]
    for process in pair:
        process.start()
    deadline = time.monotonic() + SECONDS
    for process in pair:
        process.join(max(0.0, deadline - time.monotonic()))
    late = [process for process in pair if process.is_alive()]
    for process in late:
        process.kill()
        process.join()
    assert not late, f"two ranks did not finish in {SECONDS} s"
    assert [process.exitcode for process in pair] == [0, 0]
    return [torch.load(folder / f"rank-{r}.pt", weights_only=True) for r in (0, 1)]


# One test for all methods: under pytest-xdist every worker would start its own pair.
def test_two_ranks_stay_identical_and_equal_one_process_where_their_batches_do(tmp_path):
    first, second = two_ranks(tmp_path)

    assert first.keys() == second.keys() == set(methods.names())
    apart = {(n, loop): gap(first[n][loop], second[n][loop]) for n in first for loop in first[n]}
    assert {k: g for k, g in apart.items() if g != 0} == {}
    from_one = {
        n: gap(first[n]["lightning"], plain(n, unpaired=True, samples=ranks.UNEVEN)) for n in first
    }
    assert {n: g for n, g in from_one.items() if g > 1e-6} == {}, from_one
