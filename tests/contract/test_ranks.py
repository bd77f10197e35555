import pytest

from contract import ranks, uneven_ranks
from contract.pair import both_ranks
from contract.training import assert_same_weights, largest_difference
from equimodal import methods
from products import stages, together

# Partners are of a rank's own rows; and ranks that hold other validation data read them all.
OWN = {("", "mixup"), ("", "mixup-separate"), ("", "di-mml"), ("ddp", "mslr"), ("ddp", "mses"),
       ("ddp", "lfm-learned")}  # fmt: skip
# Of a list of rows the ranks leave out what does not divide among them.
OWN |= {("", n) for n in methods.names() if methods.create(n).own_batches}
LAYOUTS = {"ddp": {}, "sharded": ranks.SHARDED, "sharded by encoder": ranks.BY_ENCODER}


def decisions(result):
    return {(r["step"], r["name"]): r["values"] for r in result["records"]}


def assert_equal_to_one_process(name, double, **options):
    single = ranks.result(name, batch_size=16, **options)
    updates = 6 * options.get("epochs", 4) * methods.create(name).repeats(2)
    assert double["updates"] == single["updates"] == updates
    assert largest_difference(single["weights"], double["weights"]) < 1e-6
    alone, together = decisions(single), decisions(double)
    assert alone.keys() == together.keys()
    for key, values in alone.items():
        # A rank counts its own rows; the two together are the process's.
        ratio = 2 if key[1] == "count" else 1
        assert values == pytest.approx({m: ratio * v for m, v in together[key].items()}, abs=1e-6)


def assert_uneven_ranks_decide_as_one_process(first, second):
    """Ranks of 8 and 3 rows against one process of 11; a count is of one rank's rows."""
    for name, single in uneven_ranks.every_method().items():
        assert_same_weights(first[name]["weights"], second[name]["weights"])
        alone, together, other = map(decisions, (single, first[name], second[name]))
        assert alone.keys() == together.keys() == other.keys()
        for key in (key for key in alone if key[1] != "count"):
            assert together[key] == other[key] == pytest.approx(alone[key], abs=1e-9), (name, key)
        assert largest_difference(single["weights"], first[name]["weights"]) < 1e-9, name


# One test for all methods and layouts: under pytest-xdist every worker would start its own.
@pytest.mark.processes
@pytest.mark.parametrize("names", together())
def test_two_ranks_stay_identical_and_equal_one_process(names, tmp_path):
    first, second = both_ranks(ranks.train_all, tmp_path, names)

    assert_uneven_ranks_decide_as_one_process(first["uneven"], second["uneven"])

    wrong = {}
    for layout, options in LAYOUTS.items():
        trained = stages(names) if layout == "sharded" else names
        trained = trained if layout == "ddp" else ranks.sharded(trained)
        assert first[layout].keys() == second[layout].keys() == set(trained)
        for name in trained:
            try:
                one, other = first[layout][name], second[layout][name]
                assert_same_weights(one["weights"], other["weights"])
                assert decisions(one) == decisions(other)
                if not {(layout, name), ("", name)} & OWN:
                    assert_equal_to_one_process(name, one, **options)
            except AssertionError as difference:
                wrong[layout, name] = str(difference)
    assert not wrong
