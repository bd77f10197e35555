"""What the runs recorded over the epochs, gathered over the seeds of a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equimodal.comparison.rows import ENSEMBLE, UNTRAINED
from equimodal.data.target import main_keys
from equimodal.report.read.reading import Records, Results, read_records
from equimodal.report.read.rows import finite, main_name, ordered_rows, runs_of

History = dict[str, list[Records]]
Values = defaultdict[float, list[float]]

FUSED, TRAINED, VALIDATED = "fused model", "loss of the row", "fused model, validation"
_LOSSES = {TRAINED: "train_loss", FUSED: "fused_loss", VALIDATED: "validation_loss"}


@dataclass
class Band:
    """A line over epochs with the smallest and largest value beside the mean."""

    epochs: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, values: Mapping[float, Sequence[float]]) -> Band:
        """Mean, smallest and largest of the values of every epoch."""
        band = cls()
        for epoch, found in sorted(values.items()):
            band.epochs.append(epoch)
            band.mean.append(sum(found) / len(found))
            band.low.append(min(found))
            band.high.append(max(found))
        return band


def read_history(folder: Path, results: Results) -> tuple[History, list[str]]:
    """Records of the runs behind every row, and a sentence for each that could not be read."""
    history: History = {}
    notes: list[str] = []
    for row in ordered_rows(results):
        for run in runs_of(results, row):
            records, problem = read_records(folder, run)
            history.setdefault(row, []).append(records)
            notes += [problem] if problem and row not in (UNTRAINED, ENSEMBLE) else []
    return history, notes


def score_curves(results: Results, history: History, row: str) -> dict[str, Band]:
    """Main score of validation in percent over epochs: of the fused model, and each modality."""
    main, by_modality, _ = main_keys(main_name(results))
    found: dict[str, Values] = defaultdict(lambda: defaultdict(list))
    for records in history.get(row, ()):
        for entry in records["curves"]:
            values = {
                FUSED: entry.get(f"validation_{main}"),
                **_mapping(entry, by_modality),
            }
            for name, value in values.items():
                if (number := finite(value)) is not None:
                    found[name][entry["epoch"]].append(100 * number)
    return {name: Band.of(values) for name, values in found.items()}


def loss_curves(history: History, row: str) -> dict[str, Band]:
    """Losses of a row over epochs: its own, and the plain one of its fused prediction on training
    data and on validation."""
    found = {name: _band(history, row, key) for name, key in _LOSSES.items()}
    return {name: band for name, band in found.items() if band is not None}


def rate_curve(history: History, row: str) -> Band | None:
    """Learning rate of a row over epochs; None where none was recorded."""
    return _band(history, row, "lr")


def _band(history: History, row: str, key: str) -> Band | None:
    """A number of every epoch's curve over the seeds; None without any."""
    values: Values = defaultdict(list)
    for records in history.get(row, ()):
        for entry in records["curves"]:
            if (found := finite(entry.get(key))) is not None:
                values[entry["epoch"]].append(found)
    return Band.of(values) if values else None


def decisions(history: History, row: str, kind: str = "decisions") -> dict[str, dict[str, Band]]:
    """Decisions of a row by name and modality, thinned to one mean and range per epoch.

    ``kind`` "diagnosis" gives what was measured during training in the same form.
    """
    found: dict[str, dict[str, Values]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for records in history.get(row, ()):
        for entry in records.get(kind, ()):
            for modality, value in _mapping(entry, "values").items():
                if (number := finite(value)) is not None:
                    found[str(entry.get("name"))][modality][entry["epoch"]].append(number)
    return {
        name: {modality: Band.of(values) for modality, values in by_modality.items()}
        for name, by_modality in found.items()
    }


def _mapping(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = entry.get(key)
    return value if isinstance(value, dict) else {}
