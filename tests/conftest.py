"""Property tests draw the same examples everywhere and are not timed: CI machines differ."""

from hypothesis import settings

settings.register_profile("equimodal", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("equimodal")
