"""Initial weights that depend on a seed and a name alone, never on what was built before."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def named_seed(seed: int, name: str) -> Iterator[None]:
    """Inside, the CPU stream starts from (seed, name); afterwards it is as if nothing was drawn."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    # The CPU generator alone: torch.manual_seed would reseed every accelerator as well.
    with torch.random.fork_rng(devices=()), torch.device("cpu"):
        torch.default_generator.manual_seed(int.from_bytes(digest[:7], "big"))
        yield
