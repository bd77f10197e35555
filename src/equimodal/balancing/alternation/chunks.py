"""Batches in chunks that come again."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def repeated(batches: Iterable[T], repeats: int, accumulation: int, first: int = 0) -> Iterator[T]:
    """Every ``accumulation`` batches together, ``repeats`` times; a rest of fewer is left out.

    The first chunk begins at its place ``first``. Used once, all batches pass as they are."""
    if repeats == 1:
        yield from batches
        return
    source = iter(batches)
    while len(chunk := list(islice(source, accumulation))) == accumulation:
        yield from (chunk * repeats)[first:]
        first = 0
