import pytest

from contract.pair import both_ranks
from equimodal import methods
from loops.plain import gap, plain
from products import together

pytest.importorskip("accelerate")

from loops import accelerate_ranks


# One test for everything: under pytest-xdist every worker would start its own pair.
@pytest.mark.processes
@pytest.mark.parametrize("together_trained", together())
def test_two_ranks_of_8_stay_identical_and_equal_one_process_of_16(together_trained, tmp_path):
    first, second = both_ranks(accelerate_ranks.train_all, tmp_path, together_trained)

    trained = {"accelerate": together_trained, "trainer": accelerate_ranks.BY_TRAINER}
    for loop, names in trained.items():
        assert list(first[loop]) == list(names)
        assert {n: gap(first[loop][n], second[loop][n]) for n in names} == dict.fromkeys(names, 0)
        # What acts at every forward pass sees other batches on two ranks.
        equal = [n for n in names if not methods.load(n).per_forward]
        gaps = {n: gap(first[loop][n], plain(n)) for n in equal}
        assert all(g < 1e-6 for g in gaps.values()), gaps
