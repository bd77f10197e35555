"""Rows on disk, read by index: they take no memory until they are asked for."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from equimodal.data.table.items.decode import Array
from equimodal.data.variation import Variation

AS_THEY_ARE = Variation()


class RowFile:
    """Equal rows, one after the other in a file.

    They are read by position and not mapped, because mapped pages that were touched count as the
    process's own memory, and an epoch touches all of them.

    Args:
        path: the file.
        shape: shape of a row.
        dtype: its type.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: str) -> None:
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self.row_bytes = math.prod(shape) * self.dtype.itemsize
        self._descriptor: int | None = None

    def read(self, slots: NDArray[np.int64]) -> Array:
        """The rows at these places: (n,) -> (n, ...)"""
        found = np.empty((len(slots), *self.shape), self.dtype)
        if not len(slots):
            return found
        descriptor = self._open()
        content = memoryview(found.reshape(len(slots), -1).view(np.uint8))  # type: ignore[arg-type]
        # Neighbours in the file that are asked for in their order come with one read.
        breaks = np.flatnonzero(np.diff(slots) != 1) + 1
        for start, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(slots)], strict=True):
            self._fill(descriptor, content[start:end], int(slots[start]) * self.row_bytes)
        return found

    def _fill(self, descriptor: int, into: memoryview, place: int) -> None:
        flat = into.cast("B")
        done = 0
        while done < len(flat):
            count = os.preadv(descriptor, [flat[done:]], place + done)
            if not count:
                raise OSError(f"'{self.path}' ends early: the cache was changed by another program")
            done += count

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_descriptor": None}

    def __del__(self) -> None:
        # As the interpreter ends, the module `os` may be gone; the system closes the file then.
        if getattr(self, "_descriptor", None) is not None and os is not None:
            os.close(self._descriptor)  # type: ignore[arg-type]


class HeldRows:
    """Rows in memory where a `RowFile` stands. (N, ...)"""

    def __init__(self, rows: Array) -> None:
        self.rows, self.shape, self.dtype = rows, rows.shape[1:], rows.dtype

    def read(self, slots: NDArray[np.int64]) -> Array:
        """The rows at these places: (n,) -> (n, ...)"""
        found: Array = self.rows[slots]
        return found


@dataclass(eq=False)
class StoredRows:
    """A split's rows of one modality, where a tensor (N, ...) stands in a data set in memory.

    Indexing reads rows, subtracts ``mean``, divides by ``scale``, and puts them on ``device``;
    token numbers are left as they are. The last column of a sequence is not scaled.

    Args:
        file: where the rows are.
        slots: place in the file of each sample, (N,); -1 of one that has none, whose row is 0.
        mean: what is subtracted, broadcast over a row; None for token numbers.
        scale: what is divided by, of the same shape.
        device: where the rows go.
        variation: what pictures are cut to, and how they vary in training.
    """

    file: RowFile | HeldRows
    slots: NDArray[np.int64]
    mean: Tensor | None
    scale: Tensor | None
    device: torch.device | str = "cpu"
    variation: Variation = AS_THEY_ARE

    def __post_init__(self) -> None:
        self.device = torch.device(self.device)
        if self.file.dtype != np.float64:  # which not all devices have
            self.mean = None if self.mean is None else self.mean.to(self.device)
            self.scale = None if self.scale is None else self.scale.to(self.device)

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)"""
        return (len(self.slots), *self.variation.shape(self.file.shape))

    def __getitem__(self, index: Any) -> Tensor:
        """The rows at an index, a slice or a tensor of indices: (n,) -> (n, ...)"""
        chosen = index.cpu().numpy() if isinstance(index, Tensor) else index
        slots = np.asarray(self.slots[chosen])
        rows = self._read(slots.reshape(-1), chosen)
        gone = slots.reshape(-1) < 0
        if gone.any():
            rows[torch.from_numpy(gone).to(rows.device)] = 0
        return rows if slots.ndim else rows[0]

    def _read(self, slots: NDArray[np.int64], chosen: Any) -> Tensor:
        """The rows at some places, scaled; any row in the place of -1. (n,) -> (n, ...)"""
        rows = torch.from_numpy(self.file.read(slots.clip(0)))
        if self.file.dtype == np.float64 and self.mean is not None and self.scale is not None:
            # Centred before digits are dropped.
            return rows.sub_(self.mean).div_(self.scale).float().to(self.device)
        rows = rows.to(self.device)
        return self._scaled(rows, np.arange(len(self.slots))[chosen].reshape(-1))

    def to(self, device: torch.device | str) -> StoredRows:
        """The same rows, which will come on ``device``."""
        return replace(self, device=device)

    def varied(self, seed: int, epoch: int) -> StoredRows:
        """The same rows as an epoch of training sees them."""
        return replace(self, variation=self.variation.at(seed, epoch))

    def _scaled(self, rows: Tensor, numbers: NDArray[np.int64]) -> Tensor:
        if self.mean is None or self.scale is None:
            return rows.long()
        rows = self.variation(rows.float(), numbers)
        return rows.sub_(self.mean).div_(self.scale)
