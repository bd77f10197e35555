"""What a model predicts on a split: in memory, and as the folder of a run keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equimodal.data.dataset import MultimodalDataset
from equimodal.data.presence import Patterns
from equimodal.data.target import ACCURACY, CLASSES, Target, main_keys
from equimodal.errors import BalanceError
from equimodal.measures.scoring import as_logits, scores_of
from equimodal.storage.files import atomic
from equimodal.training.run_folder import PREDICTIONS

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Prediction:
    """A split as a model sees it, on the CPU.

    ``logits`` (N, C) and ``labels`` (N, ...); ``features`` (N, D_m) and ``unimodal_logits`` (N, C)
    by modality; ``groups`` (N,) as the data set has them. ``main`` names the score that counts, and
    numbers are those of the data divided by ``scale`` (C,), () for none. ``present`` (N, M) says
    which modalities each sample has, ``patterns`` the same in one name; None: all.
    """

    logits: Tensor
    labels: Tensor
    features: dict[str, Tensor]
    unimodal_logits: dict[str, Tensor]
    groups: Tensor | None = None
    main: str = ACCURACY
    scale: tuple[float, ...] = ()
    present: Tensor | None = None
    patterns: Patterns | None = None

    @property
    def score(self) -> float:
        """The main score of the fused prediction."""
        return self.score_of(self.logits)

    @property
    def modality_scores(self) -> dict[str, float]:
        """The main score of what the head reads from each modality, of samples that have it."""
        return {m: self.score_of(z, self.having(m)) for m, z in self.unimodal_logits.items()}

    def having(self, modality: str) -> Tensor | None:
        """Which samples have a modality, (N,); None: all."""
        if self.present is None:
            return None
        return self.present[:, list(self.features).index(modality)]

    def score_of(self, predicted: Tensor, rows: Tensor | None = None) -> float:
        """The main score of what was predicted of these samples, or of some ``rows`` of them.

        (N, C) or classes (N,), (N,) bool
        """
        logits, labels = self.scored(predicted)
        if rows is not None:
            logits, labels = logits[rows], labels[rows]
        return scores_of(self.labels)[self.main].value(logits, labels)

    def by_pattern(self) -> dict[str, dict[str, Any]]:
        """The main score by what samples have: their number, and None where the score has no value
        on them. Nothing where all have all."""
        main, _, _ = main_keys(self.main)
        found = {}
        for code, name in enumerate(self.patterns.names if self.patterns else ()):
            rows = self.patterns.codes == code if self.patterns else None
            if rows is not None and bool(rows.any()):
                value = self.score_of(self.logits, rows)
                known = value if isfinite(value) else None
                found[name] = {"samples": int(rows.sum()), main: known}
        return found

    def scored(self, predicted: Tensor) -> tuple[Tensor, Tensor]:
        """A prediction, and the labels, in the units of the data. -> (N, C), (N, ...)"""
        return in_units(as_logits(predicted, self.logits), self.labels, self.scale)


def in_units(
    logits: Tensor, labels: Tensor, scale: Sequence[float] | Tensor
) -> tuple[Tensor, Tensor]:
    """Numbers in the units of the data, but for the mean, which no error depends on."""
    if not len(scale):
        return logits, labels
    factor = torch.as_tensor(scale, dtype=torch.float64)
    return logits * factor, labels * factor


def joined(
    parts: Sequence[Prediction], dataset: MultimodalDataset | None = None, target: Target = CLASSES
) -> Prediction:
    """The batches of a split as one, on the CPU, with what the data set says of them."""
    return Prediction(
        torch.cat([part.logits for part in parts]).cpu(),
        torch.cat([part.labels for part in parts]).cpu(),
        _by_modality([part.features for part in parts]),
        _by_modality([part.unimodal_logits for part in parts]),
        None if dataset is None else dataset.groups,
        target.score,
        target.scale,
        None if dataset is None else dataset.present,
        None if dataset is None else dataset.patterns,
    )


def _by_modality(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {m: torch.cat([part[m] for part in parts]).cpu() for m in parts[0]}


def write_predictions(
    folder: Path, splits: Mapping[str, Prediction], probes: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Keep what a run predicts on its splits; ``probes`` holds what each linear probe predicts."""
    arrays = {"modalities": np.array(list(next(iter(splits.values())).features))}
    for name, split in splits.items():
        arrays[f"{name}_logits"] = split.logits.numpy()
        arrays[f"{name}_labels"] = split.labels.numpy()
        arrays[f"{name}_indices"] = np.arange(len(split.labels))
        if split.groups is not None:
            arrays[f"{name}_groups"] = split.groups.numpy()
        unimodal = torch.stack(list(split.unimodal_logits.values()))
        arrays[f"{name}_unimodal_logits"] = unimodal.numpy()
        arrays[f"{name}_probed"] = torch.stack(list(probes[name].values())).numpy()
        if split.present is not None and split.patterns is not None:
            arrays[f"{name}_present"] = split.present.numpy()
            arrays[f"{name}_whole"] = split.patterns.whole.numpy()
        if split.scale:
            arrays["target_scale"] = np.array(split.scale)
    write_arrays(folder, arrays)


def write_arrays(folder: Path, arrays: Arrays) -> None:
    """Write the predictions of a run, whole or not at all."""
    with atomic(folder / PREDICTIONS) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_arrays(folder: Path) -> Arrays:
    """The predictions that a run left, in their shapes.

    Raises:
        BalanceError: they are missing or damaged.
    """
    path = folder / PREDICTIONS
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays: Arrays = dict(archive)
        wrong = _fault(arrays)
    except Exception as error:  # a damaged archive can fail anywhere inside the reader
        raise BalanceError(f"'{path}' is missing or damaged ({error}); {again(folder)}") from error
    if wrong:
        raise BalanceError(f"'{path}' is not as a run wrote it: {wrong}; {again(folder)}")
    return arrays


def again(folder: Path) -> str:
    """What to do where the files of a run cannot be used."""
    return f"delete the folder '{folder}' and repeat the command that trained it with --resume."


def _fault(arrays: Arrays) -> str:
    """What is wrong with the arrays of predictions.npz, "" where nothing is.

    By split there are ``logits`` (N, C) and ``labels``: classes (N,) below C, (N, C) of 0 and 1, or
    numbers (N, C); where a run with a fused model wrote them, also ``unimodal_logits`` (M, N, C),
    ``probed`` (M, N), (M, N, C) but for classes, ``indices`` and ``groups`` (N,), ``present``
    (N, M) and ``whole`` (N,), which samples have every modality of the data; and the names of the M
    ``modalities``, and ``target_scale`` (C,) of numbers.
    """
    named = arrays.get("modalities")
    if named is not None and (named.ndim != 1 or named.dtype.kind != "U" or not len(named)):
        return "modalities are no names"
    splits = [key.removesuffix("_labels") for key in arrays if key.endswith("_labels")]
    if "test" not in splits:
        return "test_labels are missing"
    count = None if named is None else len(set(named.tolist()))
    if count is not None and count < len(arrays["modalities"]):
        return "modalities are named twice"
    return next(filter(None, (_fault_of(arrays, split, count) for split in splits)), "")


def _fault_of(arrays: Arrays, split: str, modalities: int | None) -> str:
    labels, logits = arrays[f"{split}_labels"], arrays.get(f"{split}_logits")
    if logits is None:
        return f"{split}_logits are missing"
    if logits.ndim != 2 or logits.dtype.kind != "f" or 0 in logits.shape:
        return f"{split}_logits are no table of numbers {list(logits.shape)}"
    rows, outputs = logits.shape
    if wrong := _fault_of_labels(labels, rows, outputs):
        return f"{split}_labels are not {wrong}"
    if labels.ndim == 1:
        probed: tuple[tuple[int | None, ...], str] = ((modalities, rows), "iu")
    else:
        probed = (modalities, rows, outputs), "f"
    wanted: dict[str, tuple[tuple[int | None, ...], str]] = {
        f"{split}_unimodal_logits": ((modalities, rows, outputs), "f"), f"{split}_probed": probed,
        f"{split}_present": ((rows, modalities), "b"), f"{split}_whole": ((rows,), "b"),
        f"{split}_indices": ((rows,), "iu"), f"{split}_groups": ((rows,), "iu"),
        "target_scale": ((outputs,), "f"),
    }  # fmt: skip
    for key, (shape, kinds) in wanted.items():
        found = arrays.get(key)
        if found is not None and (found.shape != shape or found.dtype.kind not in kinds):
            return f"{key} have the shape {list(found.shape)}, not {list(shape)}"
    return ""


def _fault_of_labels(labels: np.ndarray[Any, Any], rows: int, outputs: int) -> str:
    """What labels should be and are not, "" where they are."""
    if labels.dtype.kind == "f":
        sound = labels.shape == (rows, outputs) and bool(np.isfinite(labels).all())
        return "" if sound else f"{outputs} numbers for each of {rows} samples"
    if labels.dtype.kind not in "iu" or labels.shape not in ((rows,), (rows, outputs)):
        return f"one whole number for each of {rows} samples"
    most = outputs if labels.ndim == 1 else 2
    sound = labels.min() >= 0 and labels.max() < most
    return "" if sound else f"from 0 to {most - 1}"
