"""What a method asks of a GPU in a step, counted: it must not grow unseen."""

import importlib

import pytest

from places import ROOT

BOUNDS = {"joint": 1.01, "joint+unimodal": 1.10, "amss": 1.35, "dus-uniform": 1.11}


@pytest.mark.parametrize("method", BOUNDS)
def test_a_step_dispatches_little_more_than_joint_training_and_waits_for_nothing(
    method, monkeypatch
):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")  # where it finds step_cost.py
    (row,) = importlib.import_module("dispatch").rows([method])
    assert row.ratio <= BOUNDS[method]
    assert row.reads == 0
