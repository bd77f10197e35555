"""What the runs predicted on test data, sample by sample, read from their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.comparison.rows import ENSEMBLE, JOINT, alone_row
from equimodal.report.read.reading import Results, Run, run_file
from equimodal.report.read.rows import modalities, rows_in, runs_of


@dataclass(frozen=True)
class Prediction:
    """The test samples of a run: softmax of the logits (N, C), and the labels (N,)."""

    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The predicted class of every sample, (N,)."""
        found: NDArray[np.int64] = self.probabilities.argmax(1)
        return found

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether it is the sample's own, (N,)."""
        right: NDArray[np.bool_] = self.classes == self.labels
        return right


Predictions = dict[str, dict[int, Prediction]]


def read_predictions(folder: Path, results: Results) -> Predictions:
    """Row -> seed -> prediction, for all finished runs whose predictions can be read.

    Runs of one seed that do not hold the same labels in the same order are left out, as their
    samples cannot be laid side by side.
    """
    found: Predictions = {}
    labels: dict[int, NDArray[np.int64]] = {}
    for row in rows_in(results, ("alone", "baselines", "controls", "methods")):
        for run in runs_of(results, row):
            prediction = read_prediction(folder, run, len(results["data"].get("classes", ())))
            if prediction is None:
                continue
            seed = run["seed"]
            if np.array_equal(labels.setdefault(seed, prediction.labels), prediction.labels):
                found.setdefault(row, {})[seed] = prediction
    return found


def read_prediction(folder: Path, run: Run, classes: int) -> Prediction | None:
    """The prediction that one run left; None where there is none, or none that can be used."""
    if run["status"] != "finished" or not run.get("folder"):
        return None
    path = run_file(folder, run, "predictions.npz")
    if path is None:
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            logits, labels = arrays["test_logits"], arrays["test_labels"]
    except Exception:  # a damaged archive can fail anywhere inside the reader
        return None
    usable = logits.ndim == 2 and labels.shape == logits.shape[:1] and logits.shape[1] == classes
    numbers = logits.dtype.kind == "f" and labels.dtype.kind in "iu"
    if not usable or not numbers or not len(labels) or not np.isfinite(logits).all():
        return None
    if labels.min() < 0 or labels.max() >= classes:
        return None
    return Prediction(_softmax(logits.astype(np.float64)), labels.astype(np.int64))


def fused_row(results: Results, predictions: Predictions) -> str | None:
    """The row whose samples are shown: joint, or the first that trains every modality."""
    rows = [row for row in rows_in(results, ("baselines", "methods")) if row in predictions]
    return JOINT if JOINT in rows else next((r for r in rows if r != ENSEMBLE), None)


def alone_rows(results: Results, predictions: Predictions) -> dict[str, str]:
    """Modality -> the row that trains it alone, for all modalities that have one."""
    rows = {m: alone_row(m) for m in modalities(results)}
    return {m: row for m, row in rows.items() if row in predictions}


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
    return probabilities
