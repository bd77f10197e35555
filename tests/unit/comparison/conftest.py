import pytest

from equimodal.comparison import plan
from unit.training.tiny import tiny, tiny_source

__all__ = ["tiny", "tiny_plans"]


@pytest.fixture
def tiny_plans(monkeypatch):
    """Plans load the tiny data set, whatever they ask for."""
    monkeypatch.setattr(plan.sources, "load", tiny_source)
