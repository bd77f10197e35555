from unit.train.tiny import tiny

__all__ = ["tiny"]
