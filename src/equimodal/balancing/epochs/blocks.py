"""Items of an epoch in blocks, and the batches that they are dealt out in."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equimodal.errors import BalanceError
from equimodal.numerics.random import order_generator
from equimodal.parts import distributed


@dataclass(frozen=True)
class Block:
    """Items of an epoch that share batches: no batch holds items of two blocks.

    Args:
        index: (L,) rows of the data set; one may come several times, or never.
        kept: (L, M) bool on the CPU, which modalities of each item count, columns in the order of
            the encoders; None for all.
        shuffle: whether the items come in a random order, or as they stand.
    """

    index: Tensor
    kept: Tensor | None = None
    shuffle: bool = True


Rows = tuple[Tensor, Tensor | None]
"""Rows of a batch, (n,), and which modalities of each count, (n, M); None for all."""


def check_blocks(blocks: Sequence[Block], rows: int, modalities: int) -> None:
    """Refuse blocks that no epoch of a data set of so many rows can have. Raises BalanceError."""
    for block in blocks:
        index, kept = block.index, block.kept
        if index.ndim != 1 or index.dtype != torch.int64 or index.device.type != "cpu":
            raise BalanceError(
                "The index of a Block must be (L,) int64 on the CPU; found "
                f"{tuple(index.shape)} {index.dtype} on {index.device}."
            )
        if len(index) and not 0 <= int(index.min()) <= int(index.max()) < rows:
            raise BalanceError(
                f"A Block names rows from {int(index.min())} to {int(index.max())}, and the data "
                f"set of batches() has {rows}."
            )
        if kept is None:
            continue
        fits = kept.dtype == torch.bool and kept.shape == (len(index), modalities)
        if not fits or kept.device.type != "cpu":
            raise BalanceError(
                f"kept of a Block must be ({len(index)}, {modalities}) bool on the CPU; found "
                f"{tuple(kept.shape)} {kept.dtype} on {kept.device}."
            )
        if not bool(kept.any(1).all()):
            raise BalanceError("An item of a Block keeps no modality: leave it out of the index.")


def batches_of(
    blocks: Sequence[Block],
    batch_size: int,
    *,
    seed: int,
    epoch: int,
    least: int = 1,
    wanted: int | None = None,
) -> list[Rows]:
    """The batches of an epoch, block by block; of this rank's shard under several ranks.

    Ranks take every R-th item of a block, equally many; what does not divide is left out.

    Args:
        blocks: as a method lists them.
        batch_size: rows of a batch; the last one of a block may be smaller.
        seed: of the run.
        epoch: its number.
        least: rows that a batch must have: a smaller last one joins the one before it in its block,
            and a block that has fewer is left out.
        wanted: so many batches: some drawn at random of those that there are, in their order, or
            all of them anew in another order, and again; None for each once.

    Raises:
        BalanceError: there is no batch.
    """

    def turn(number: int) -> list[Rows]:
        return _one_pass(blocks, batch_size, least, seed, epoch, number)

    found = turn(0)
    if not found:
        held = sum(len(b.index) for b in blocks)
        raise BalanceError(
            f"The items of epoch {epoch} make no batch of {least} rows for every process; found "
            f"{held}."
        )
    if wanted is None or wanted == len(found):
        return found
    whole, left = divmod(wanted, len(found))
    every = [rows for number in range(whole) for rows in turn(number)]
    rest = turn(whole)
    drawn = torch.randperm(len(rest), generator=order_generator(seed, "items/rest", epoch))
    return every + [rest[k] for k in sorted(drawn[:left].tolist())]


def _one_pass(
    blocks: Sequence[Block], batch_size: int, least: int, seed: int, epoch: int, turn: int
) -> list[Rows]:
    """Every item once, in batches; the order of a shuffled block is another in every turn."""
    found: list[Rows] = []
    for place, block in enumerate(blocks):
        count = len(block.index)
        order = torch.arange(count)
        if block.shuffle:
            draw = order_generator(seed, f"items/{place}/{turn}", epoch)
            order = torch.randperm(count, generator=draw)
        for part in _parts(distributed.own_shard(order), batch_size, least):
            kept = None if block.kept is None else block.kept[part]
            found.append((block.index[part], kept))
    return found


def _parts(items: Tensor, batch_size: int, least: int) -> list[Tensor]:
    """Items in their order, in parts of ``least`` at least. (n,) -> (b,) each"""
    if len(items) < least:
        return []
    parts = list(torch.split(items, batch_size))
    if len(parts[-1]) < least <= batch_size:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts
