"""Files under the data root, and the one sentence said of each that is missing or damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.data.arrays import Labels
from equimodal.errors import DataError


@dataclass(frozen=True)
class SourceFile:
    """A file by its path relative to the data root, and where a user gets it."""

    root: Path
    relative: str
    origin: str

    @property
    def path(self) -> Path:
        """Where the file is expected."""
        return self.root / self.relative

    def error(self, problem: str) -> DataError:
        """An error that says what is wrong with the file, where it belongs and where to get it."""
        return DataError(
            f"{self.relative} {problem}; it is expected as '{self.path}', beside the other files. "
            f"Get them from {self.origin}."
        )

    def content(self) -> bytes:
        """The file's bytes.

        Raises:
            DataError: it is missing, empty or cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            raise self.error("is missing") from None
        except OSError as error:
            raise self.error(f"cannot be read ({error.strerror})") from error
        if not content:
            raise self.error("is empty")
        return content

    def class_indices(self, values: NDArray[np.generic], classes: Sequence[int]) -> Labels:
        """``values`` as the positions of these consecutive ``classes``: (N,) -> (N,).

        Raises:
            DataError: a value is none of the classes.
        """
        wrong = ~np.isin(values, classes)
        if wrong.any():
            row = int(wrong.argmax())
            raise self.error(
                f"holds the label {values[row]:g} in row {row + 1}, expected whole numbers from "
                f"{classes[0]} to {classes[-1]}"
            )
        return values.astype(np.int64) - classes[0]

    def check_finite(self, values: NDArray[np.floating], what: str = "features") -> None:
        """Nothing, where all ``values`` (N, ...) are finite.

        Raises:
            DataError: one is NaN or infinite.
        """
        wrong = ~np.isfinite(values)
        if wrong.any():
            row = int(np.unravel_index(wrong.argmax(), wrong.shape)[0])
            raise self.error(f"holds {what} that are not finite, first in row {row + 1}")
