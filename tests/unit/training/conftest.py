from unit.training.tiny import tiny

__all__ = ["tiny"]
