import multiprocessing
import time

import pytest
import torch

from equimodal import methods
from loops.plain import gap, plain

pytest.importorskip("accelerate")

from loops import accelerate_ranks

SECONDS = 150


def two_ranks(folder):
    """What both ranks found, from one pair of processes for everything."""
    context = multiprocessing.get_context("spawn")
    pair = [
        context.Process(target=accelerate_ranks.train_all, args=(r, str(folder))) for r in (0, 1)
    ]
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


# One test for everything: under pytest-xdist every worker would start its own pair.
def test_two_ranks_of_8_stay_identical_and_equal_one_process_of_16(tmp_path):
    first, second = two_ranks(tmp_path)

    for loop, names in (("accelerate", methods.names()), ("trainer", accelerate_ranks.BY_TRAINER)):
        assert list(first[loop]) == list(names)
        assert {n: gap(first[loop][n], second[loop][n]) for n in names} == dict.fromkeys(names, 0)
        # What acts at every forward pass sees other batches on two ranks.
        equal = [n for n in names if not methods.load(n).per_forward]
        gaps = {n: gap(first[loop][n], plain(n)) for n in equal}
        assert all(g < 1e-6 for g in gaps.values()), gaps
