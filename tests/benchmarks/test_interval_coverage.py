"""The simulation of the interval's coverage, in little."""

import importlib.util
import sys

import pytest

from places import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
_SPEC = importlib.util.spec_from_file_location(
    "interval_coverage", ROOT / "benchmarks" / "interval_coverage.py"
)
simulation = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(simulation)


@pytest.mark.parametrize("kind", simulation.SETS)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(kind, monkeypatch):
    monkeypatch.setattr(simulation, "truth", lambda effect: 0.04671)
    assert simulation.covered(3, 100, kind, 0.4, rounds=100) >= 0.88
    monkeypatch.setattr(simulation, "truth", lambda effect: 0.3)
    assert simulation.covered(3, 100, kind, 0.4, rounds=30) < 0.5


def test_test_sets_share_what_their_kind_says():
    draw = simulation.torch.Generator().manual_seed(0)
    shared, overlapping, disjoint = (
        [set(own.tolist()) for own in simulation.test_sets(kind, 2, 50, draw)]
        for kind in simulation.SETS
    )
    assert shared[0] == shared[1] and not disjoint[0] & disjoint[1]
    assert 0 < len(overlapping[0] & overlapping[1]) < 50
