"""The batches of any loader as updates of so many samples, without a change of their order."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from equimodal.errors import BalanceError

Parts = list[tuple[Any, int]]
"""Parts of one update with their rows; their gradients add up to it."""


def updates(loader: Iterable[Any], size: int | None, *, single: bool = True) -> Iterator[Parts]:
    """Every sample of the loader once, ``size`` to an update; the last one has what is left.

    Args:
        loader: gives batches of any size.
        size: samples of an update; None: each batch is one.
        single: whether a part may have one row; where not, such a row is left out, as batch
            normalisation takes two.

    Raises:
        BalanceError: a batch is to be divided, and its rows cannot be told apart.
    """
    parts: Parts = []
    for batch in loader:
        count = row_count(batch)
        if size is None or count is None:
            if size is not None:
                raise BalanceError(
                    "The rows of a batch of the loader 'train' cannot be told apart, as its "
                    "tensors have different first axes, so that it cannot be made into updates of "
                    f"{size}; write batch_size='loader' with a loader whose batches are updates."
                )
            yield [(batch, count or 1)]
            continue
        start = 0
        while start < count:
            taken = min(size - sum(rows for _, rows in parts), count - start)
            parts.append((rows_of(batch, start, start + taken, count), taken))
            start += taken
            if sum(rows for _, rows in parts) == size:
                yield from _whole(parts, single)
                parts = []
    yield from _whole(parts, single)


def _whole(parts: Parts, single: bool) -> Iterator[Parts]:
    kept = [(part, rows) for part, rows in parts if single or rows > 1]
    if kept:
        yield kept


def row_count(batch: Any) -> int | None:
    """How many rows a batch has: the first axis of all its tensors; None where these differ."""
    sizes = set(_first_axes(batch))
    return sizes.pop() if len(sizes) == 1 else None


def _first_axes(batch: Any) -> Iterator[int]:
    if isinstance(batch, Tensor):
        if batch.ndim:
            yield len(batch)
    elif isinstance(batch, Mapping):
        for value in batch.values():
            yield from _first_axes(value)
    elif isinstance(batch, (tuple, list)):
        for value in batch:
            yield from _first_axes(value)


def rows_of(batch: Any, start: int, stop: int, count: int) -> Any:
    """The rows ``start`` to ``stop`` of a batch of ``count``, in its own form."""
    if start == 0 and stop == count:
        return batch
    if isinstance(batch, Tensor):
        return batch[start:stop] if batch.ndim else batch
    if isinstance(batch, Mapping):
        found: Any = copy.copy(batch)
        for key, value in batch.items():
            found[key] = rows_of(value, start, stop, count)
        return found
    if isinstance(batch, (tuple, list)):
        if not any(True for _ in _first_axes(batch)):
            return batch[start:stop] if len(batch) == count else batch
        parts = [rows_of(value, start, stop, count) for value in batch]
        named = hasattr(batch, "_fields")
        return type(batch)(*parts) if named else type(batch)(parts)
    return batch
