"""docs/scale.md: what methods exchange is what they are seen to, and simulated runs add up."""

import importlib
import re

import pytest

from equimodal import methods
from places import ROOT

PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
LENGTHS = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0]


@pytest.fixture(scope="module")
def load():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")  # where they find each other
        yield importlib.import_module


def simulated(load, workers, seed=0, **options):
    scale = load("scale")
    return scale.simulated(LENGTHS, scale.Cluster(workers, **options), seed)


def exchanged():
    """Of every method of the page: a step, between epochs, before the first step."""
    found = {}
    for line in re.findall(r"^\| `.* \|$", block("benchmarks/collectives.py"), flags=re.MULTILINE):
        names, step, _, epoch, _, begin = (cell.strip() for cell in line.strip("|").split("|"))
        for name in names.split(", "):
            assert name not in found
            found[name.strip("`")] = step, epoch, begin
    return found


def block(by):
    return PAGE.partition(f"<!-- written by {by} -->")[2].partition("<!-- end -->")[0]


def test_every_method_stands_on_the_page():
    assert exchanged().keys() == set(methods.names())


@pytest.mark.parametrize("name", methods.names())
def test_a_method_exchanges_what_the_page_says(name, load):
    counts = load("collectives")
    assert counts.told(counts.counted(name)) == exchanged()[name], (
        "run python benchmarks/collectives.py"
    )


def test_the_page_names_those_that_do_not_train_in_shards():
    made = {name: methods.create(name) for name in methods.names()}
    refused = [n for n, method in made.items() if method.rewrites or method.single_losses]
    (told,) = re.findall(r"all rows but five train in shards \((.*?) refuse", PAGE)
    assert sorted(re.findall(r"`(.*?)`", told)) == sorted(refused)


def test_the_formulas_are_what_is_counted_at_two_sizes(load):
    counts, sizes = load("collectives"), load("exchange_sizes")
    for shape in (counts.Shape(), counts.Shape(6, 12, 11, 4, 48)):
        parts = (shape.hidden * (6 + 1), shape.features * (shape.hidden + 1))
        head = shape.classes * (2 * shape.features + 1)
        size = sizes.Size(shape.classes, shape.features, 2 * sum(parts) + head, shape.rows)
        for one in sizes.EXCHANGES:
            found = getattr(counts.counted(one.method, shape), one.place).bytes
            assert one.bytes(size) == found, one.method


def test_the_page_has_the_tables_of_the_simulation(load):
    assert load("scale").written(PAGE) == PAGE, "run python benchmarks/scale.py"


def test_one_worker_takes_the_sum_of_all_runs(load):
    found = simulated(load, 1)
    assert found.makespan == found.work == sum(LENGTHS)
    assert (found.utilisation, found.lost, found.failures) == (1, 0, 0)


@pytest.mark.parametrize("workers", [2, 3, 4, 7, 11, 50])
def test_without_failures_no_list_takes_longer_than_its_share_and_its_longest_run(workers, load):
    found = simulated(load, workers)
    share = sum(LENGTHS) / workers
    assert max(share, max(LENGTHS)) <= found.makespan <= share + max(LENGTHS)


def test_every_second_of_a_failing_worker_is_work_lost_or_a_start(load):
    found = simulated(load, 1, start=0.5, between=4.0, epochs=3)
    assert found.failures > 3
    starts = 0.5 * (1 + found.failures)
    assert found.makespan == pytest.approx(sum(LENGTHS) + found.lost + starts)
    assert 0 < found.lost < found.failures * max(LENGTHS) / 3


def test_failures_come_at_their_rate(load):
    found = [simulated(load, 1, seed, between=4.0, epochs=50) for seed in range(200)]
    expected = sum(one.work + one.lost for one in found) / 4.0
    assert sum(one.failures for one in found) == pytest.approx(expected, rel=0.05)


def test_a_finer_epoch_loses_less(load):
    coarse, fine = (simulated(load, 1, between=4.0, epochs=n).lost for n in (1, 20))
    assert fine < coarse / 4


def test_the_driver_is_what_many_workers_wait_for(load):
    assert simulated(load, 11, driver=7.0).makespan >= 7.0 * len(LENGTHS)


def test_a_seed_gives_one_outcome(load):
    first, again, other = (simulated(load, 3, seed, between=4.0) for seed in (1, 1, 2))
    assert first == again != other


def test_the_loop_asks_no_more_of_a_long_list(load):
    """Each run's place in the list is looked at when one is free, not at every message."""
    loops = load("scale")
    short, long = (min(loops.seconds_of_driver(n) for _ in range(3)) for n in (300, 3000))
    assert long < 4 * short
