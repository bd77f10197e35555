from unit.comparison.conftest import tiny, tiny_plans

__all__ = ["tiny", "tiny_plans"]
