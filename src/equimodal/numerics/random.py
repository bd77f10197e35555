"""How seeds are mixed: one formula for each kind of draw.

Formulas never change: a checkpoint of an earlier version goes on to the same bits, and all methods
of a comparison see the same batches and begin at the same weights. Nothing here imports
torch before a generator of its own is asked for: the data sets' facts are read without it.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_EPOCHS, _STREAMS = 1_000_003, 1_009
"""Primes: seeds of neighbouring runs, updates and streams do not meet."""


def update_generator(seed: int, update: int, stream: int, part: int = 0) -> torch.Generator:
    """CPU generator of one update's draws, of a part of it: equal on all ranks and devices."""
    if part:
        return _generator(_digest(f"update/{seed}/{update}/{part}/{stream}") >> 1)
    mixed = (seed * _EPOCHS + update) * _STREAMS + stream
    return _generator(mixed % 2**63)


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of the global random streams in one epoch."""
    return (seed * _EPOCHS + epoch) % 2**63


def order_generator(seed: int, stream: str, turn: int) -> torch.Generator:
    """CPU generator of one pass over a data set."""
    # A torch generator takes 63 bits.
    return _generator(_digest(f"{seed}/{stream}/{turn}") >> 1)


def variation_seed(seed: int, epoch: int) -> int:
    """Place from which one epoch's variation of samples is counted, 64 bits."""
    return _digest(f"variation/{seed}/{epoch}")


def weights_seed(seed: int, name: str) -> int:
    """Seed of the initial weights of one part of a model."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:7], "big")


def data_generator(seed: int, stream: str) -> np.random.Generator:
    """Draws of a data set that depend on (seed, stream) alone: one stream never shifts another."""
    return np.random.default_rng((seed, zlib.crc32(stream.encode())))


def _generator(seed: int) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(seed)


def _digest(text: str) -> int:
    """64 bits that a text gives on every machine, as ``hash`` does not."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
