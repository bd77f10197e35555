"""Initial weights that depend on a seed and a name alone, never on what was built before."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from equimodal.numerics.random import weights_seed


@contextmanager
def named_seed(seed: int, name: str) -> Iterator[None]:
    """Inside, the CPU stream starts from (seed, name); afterwards it is as if nothing was drawn."""
    # The CPU generator alone: torch.manual_seed would reseed every accelerator as well.
    with torch.random.fork_rng(devices=()), torch.device("cpu"):
        torch.default_generator.manual_seed(weights_seed(seed, name))
        yield
