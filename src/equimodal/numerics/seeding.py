"""Initial weights that depend on a seed and a name alone, never on what was built before."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from equimodal.numerics.random import weights_seed


@contextmanager
def named_seed(seed: int, name: str) -> Iterator[None]:
    """Inside, the CPU stream starts from (seed, name); afterwards it is as if nothing was drawn.

    Modules are built on the CPU, or on the meta device where that is the default.
    """
    # The CPU generator alone: torch.manual_seed would reseed every accelerator as well.
    kind = "meta" if torch.get_default_device().type == "meta" else "cpu"  # shapes alone, no memory
    with torch.random.fork_rng(devices=()), torch.device(kind):
        torch.default_generator.manual_seed(weights_seed(seed, name))
        yield
