"""Multimodal data: one tensor, or rows on disk, per modality, and one label per sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import Dataset

from equimodal.checks import require_modality_names
from equimodal.data.arrays import Arrays, Kind, Split
from equimodal.data.presence import PRESENT, Patterns, patterns_of
from equimodal.data.target import CLASSES, Target
from equimodal.errors import DataError

HUGGING_FACE = "hf:"
"""Before the name or folder of a model or tokenizer of Hugging Face."""


@dataclass(frozen=True)
class Modality:
    """What one modality's samples are: ``kind`` chooses the encoder, ``shape`` is of one sample.

    Images and spectrograms are channels first, ``(channels, height, width)``; a vector is ``(D,)``;
    a video ``(frames, channels, height, width)``; a sequence ``(T, D + 1)``, whose last column is 1
    for a step that is there and 0 for one that pads; a text ``(T,)``, token numbers below
    ``vocabulary``, of which 0 pads.

    What a pretrained encoder must know besides: ``tokens`` is ``"hf"`` where the numbers of a text
    are those of a Hugging Face tokenizer, each plus one; ``scaling`` is (mean, deviation) by which
    pixels from 0 to 255 were standardised, or None. ``encoder`` is the name of the encoder that the
    data set asks for, "" for the default. ``missing``: some samples may lack it.
    """

    kind: Kind
    shape: tuple[int, ...]
    vocabulary: int | None = None
    tokens: str = ""
    scaling: tuple[float, float] | None = None
    encoder: str = ""
    missing: bool = False


class Rows(Protocol):
    """Samples of one modality, (N, ...): a tensor, or what reads the rows that are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Tensor:
        """The rows at an index, a slice or a tensor of indices: (n,) -> (n, ...)"""

    def to(self, device: Any, /) -> Any:
        """The same rows, which are or will come on ``device``."""


@runtime_checkable
class VariedRows(Rows, Protocol):
    """Rows that may look otherwise in every epoch of training."""

    def varied(self, seed: int, epoch: int, /) -> Rows:
        """The rows as an epoch sees them, a function of (seed, epoch, row) alone."""


class MultimodalDataset(Dataset[tuple[dict[str, Tensor], Tensor, int]]):
    """Samples of one or more modalities that share a label.

    Args:
        inputs: one tensor ``(N, ...)`` per modality, or `Rows` that stand for one; row i of each
            belongs to sample i.
        labels: class indices, ``(N,)``, int64; several labels a sample, ``(N, C)``, int64 of 0 and
            1; or numbers, ``(N, D)``, float32.
        groups: ``(N,)``, int64: samples of one number come from one source, such as renderings of
            one image, and are no independent evidence. None: every sample stands by itself, or
            that is not known.
        present: ``(N, M)``, bool, on the CPU: which of the M modalities, in the order of
            ``inputs``, each sample has; what ``inputs`` hold of others is not read. None: all.
        patterns: the same in one name; by default by ``present``.

    Raises:
        DataError: the tensors differ in their number of rows, or the labels are of another form.
    """

    def __init__(
        self, inputs: Mapping[str, Rows], labels: Tensor, groups: Tensor | None = None,
        present: Tensor | None = None, patterns: Patterns | None = None,
    ) -> None:  # fmt: skip
        self.inputs = dict(inputs)
        self.labels = labels
        self.groups = groups
        self.present = present
        self._check()
        self.patterns = patterns or patterns_of(list(self.inputs), present)

    def _check(self) -> None:
        if not self.inputs:
            raise DataError("A data set needs at least one modality, found none in `inputs`.")
        form = (self.labels.dtype, self.labels.ndim)
        if form not in ((torch.int64, 1), (torch.int64, 2), (torch.float32, 2)):
            raise DataError(
                "Labels must be class indices, an int64 tensor of shape (N,), several labels, "
                "int64 (N, C), or numbers, float32 (N, D); found "
                f"{self.labels.dtype} of shape {tuple(self.labels.shape)}; write labels.long()."
            )
        for name, rows in self.inputs.items():
            if len(rows) != len(self.labels):
                raise DataError(
                    f"Modality '{name}' has {len(rows)} rows for {len(self.labels)} labels; "
                    "give every modality one row per label."
                )
        if self.groups is not None and self.groups.shape != self.labels.shape[:1]:
            raise DataError(
                f"There are groups of shape {tuple(self.groups.shape)} for {len(self.labels)} "
                "labels; give every sample the number of its group."
            )

        wanted = (len(self.labels), len(self.inputs))
        if self.present is not None and self.present.shape != wanted:
            raise DataError(
                f"present must be {wanted}, a column for each modality; found "
                f"{tuple(self.present.shape)}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[dict[str, Tensor], Tensor, int]:
        """Sample ``index`` as (one row per modality, label ``()``, index)."""
        inputs = {m: rows[index] for m, rows in self.inputs.items()}
        if self.present is not None:
            inputs[PRESENT] = self.present[index]
        return inputs, self.labels[index], index

    def take(self, indices: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The samples at ``indices``, paired, with `PRESENT` where some lack a modality: (n,) ->
        ({m: (n, ...)}, (n, ...))."""
        inputs = {m: rows[indices] for m, rows in self.inputs.items()}
        if self.present is not None:
            inputs[PRESENT] = self.present[indices]
        return inputs, self.labels[indices]

    def alone(self, modality: str) -> MultimodalDataset:
        """The same samples with one of their modalities."""
        place = list(self.inputs).index(modality)
        present = None if self.present is None else self.present[:, place : place + 1]
        rows = {modality: self.inputs[modality]}
        return MultimodalDataset(rows, self.labels, self.groups, present, self.patterns)

    def modality_len(self, modality: str) -> int:
        """How many samples have a modality."""
        return len(self) if self.present is None else len(self._having(modality))

    def _having(self, modality: str) -> Tensor:
        """The samples that have a modality, all without `present`. -> (n,)"""
        if self.present is None:
            return torch.arange(len(self))
        return self.present[:, list(self.inputs).index(modality)].nonzero()[:, 0]

    def take_modality(self, modality: str, indices: Tensor) -> tuple[Tensor, Tensor]:
        """One modality's rows and labels at ``indices``, counted over the samples that have it:
        (n,) -> (n, ...), (n, ...).

        Raises:
            DataError: the data set has no such modality.
        """
        if modality not in self.inputs:
            raise DataError(
                f"There is no modality '{modality}'; this data set has {', '.join(self.inputs)}."
            )
        if self.present is not None:
            indices = self._having(modality)[indices]
        return self.inputs[modality][indices], self.labels[indices]

    def varied(self, seed: int, epoch: int) -> MultimodalDataset:
        """The same samples as an epoch of training sees them: with the crops and flips of the
        modalities that declare some, drawn from (seed, epoch, row) alone."""
        inputs = {
            m: rows.varied(seed, epoch) if isinstance(rows, VariedRows) else rows
            for m, rows in self.inputs.items()
        }
        return MultimodalDataset(inputs, self.labels, self.groups, self.present, self.patterns)

    def to(self, device: torch.device | str) -> MultimodalDataset:
        """The same data set, whose samples are or will come on ``device``."""
        inputs = {m: rows.to(device) for m, rows in self.inputs.items()}
        labels = self.labels.to(device)
        return MultimodalDataset(inputs, labels, self.groups, self.present, self.patterns)


@dataclass(frozen=True)
class DataSource:
    """A data set as a comparison uses it: three disjoint splits and what was done to get them.

    ``classes`` names the labels in order, or the numbers where these are predicted, as ``target``
    says; ``settings`` holds every argument in force, those left at their default included; ``note``
    says what a page that shows a number must say (that pairs are made, which split this is).

    Raises:
        DataError: a name that no modality can have, or labels that are not of the target's task.
    """

    name: str
    train: MultimodalDataset
    validation: MultimodalDataset
    test: MultimodalDataset
    modalities: dict[str, Modality]
    classes: tuple[str, ...]
    settings: dict[str, object]
    note: str
    target: Target = CLASSES

    def __post_init__(self) -> None:
        require_modality_names(self.modalities, error=DataError)
        for split in (self.train, self.validation, self.test):
            self.target.check(split.labels, self.classes)

    @classmethod
    def from_arrays(cls, name: str, arrays: Arrays) -> DataSource:
        """The data set ``name`` as tensors; its modalities' shapes are those of the arrays."""
        train, validation, test = map(_dataset, (arrays.train, arrays.validation, arrays.test))
        modalities = {
            m: Modality(kind, arrays.train.inputs[m].shape[1:]) for m, kind in arrays.kinds.items()
        }
        return cls(
            name, train, validation, test, modalities, arrays.classes, arrays.settings, arrays.note
        )


def _dataset(split: Split) -> MultimodalDataset:
    inputs = {m: torch.from_numpy(rows) for m, rows in split.inputs.items()}
    groups = None if split.groups is None else torch.from_numpy(split.groups)
    return MultimodalDataset(inputs, torch.from_numpy(split.labels), groups)
