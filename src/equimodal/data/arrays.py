"""What a loader returns before it becomes tensors: arrays, kinds, classes and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["image", "spectrogram", "vector", "sequence", "text", "video"]
Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Rows ``inputs[m]`` (N, ...) of each modality, their labels (N,), and their ``groups`` (N,),
    numbers that rows of one source share; None where every row stands by itself."""

    inputs: dict[str, Floats]
    labels: Labels
    groups: Labels | None = None

    def rows(self, kept: NDArray[np.bool_]) -> Split:
        """The rows where ``kept`` (N,) is true."""
        groups = None if self.groups is None else self.groups[kept]
        return Split({m: rows[kept] for m, rows in self.inputs.items()}, self.labels[kept], groups)


@dataclass(frozen=True)
class Arrays:
    """A loaded data set: three splits, the kind of each modality, and what was done to get them."""

    train: Split
    validation: Split
    test: Split
    kinds: dict[str, Kind]
    classes: tuple[str, ...]
    settings: dict[str, object]
    note: str


def stratified(labels: Labels, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random selection of each class, ``share`` of its rows and at least one: (N,) -> (N,)."""
    selected = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        selected[rows[: max(1, round(share * len(rows)))]] = True
    return selected


def scale_of(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """What centred columns are divided by: their deviation, 1 where they are constant."""
    # Rounding leaves a constant column a deviation of about 1e-16 of its mean.
    return np.where(deviation > 1e-7 * np.abs(mean), deviation, 1.0)


def standardised(
    train: Split, validation: Split, test: Split, kinds: dict[str, Kind]
) -> tuple[Split, Split, Split]:
    """The splits with the training split's mean at 0 and its standard deviation at 1.

    A vector is standardised column by column, an image or a spectrogram as a whole, which keeps
    the contrast between its positions. A column that is constant in training is only centred.
    """
    means, scales = {}, {}
    for name, rows in train.inputs.items():
        axis = 0 if kinds[name] == "vector" else None
        deviation = rows.std(axis=axis, dtype=np.float64)
        means[name] = rows.mean(axis=axis, dtype=np.float64)
        scales[name] = scale_of(means[name], deviation)

    def scaled(split: Split) -> Split:
        inputs = {
            m: ((rows - means[m]) / scales[m]).astype(np.float32)
            for m, rows in split.inputs.items()
        }
        return Split(inputs, split.labels, split.groups)

    return scaled(train), scaled(validation), scaled(test)
