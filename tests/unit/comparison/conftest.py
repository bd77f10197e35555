import pytest

from equimodal.comparison import plan
from equimodal.comparison.experiment import Experiment
from unit.training.tiny import tiny, tiny_source

__all__ = ["plan_of", "tiny", "tiny_plans"]


def plan_of(data, *, data_root=None, **given):
    """The plan of an experiment."""
    return plan.make_plan(Experiment(data, **given), data_root)


@pytest.fixture
def tiny_plans(monkeypatch):
    """Plans load the tiny data set, whatever they ask for."""
    monkeypatch.setattr(plan.sources, "load", tiny_source)
    monkeypatch.setattr(plan, "check_settings", lambda *_: None)  # of a set that is registered
