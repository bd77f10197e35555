"""samples.json: the samples that a page shows, kept beside the results so that it needs no data."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equimodal.errors import BalanceError
from equimodal.report.kept.sample_choice import chosen_samples
from equimodal.report.read.predictions import (
    Prediction,
    Predictions,
    alone_rows,
    fused_row,
    read_predictions,
)
from equimodal.report.read.reading import Results

if TYPE_CHECKING:
    from equimodal.data.dataset import DataSource

SAMPLES = "samples.json"
SCHEMA = "equimodal.samples/1"


@dataclass(frozen=True)
class Samples:
    """The seed whose test split they are from, and index -> modality -> what is shown of it."""

    seed: int
    shown: dict[int, dict[str, dict[str, str]]]


def keep_samples(folder: str | Path, results: Results, data_root: str | Path | None = None) -> bool:
    """Writes ``folder``/samples.json from the data set; False where no sample can be chosen.

    Args:
        folder: the folder of the comparison, with the predictions of its runs.
        results: what its results.json holds.
        data_root: what the data set is loaded with; of a table, the folder that holds it.

    Raises:
        BalanceError: the data cannot be loaded, or are not those of the comparison.
    """
    from equimodal.storage.files import write_json

    folder = Path(folder)
    predictions = read_predictions(folder, results)
    seed = shown_seed(results, predictions)
    if seed is None:
        return False
    chosen = _chosen(results, predictions, seed)
    source = _load(results, data_root, seed)
    _check(source, predictions[fused_row(results, predictions) or ""][seed])
    samples = [{"index": index, "shown": _shown(source, index)} for index in chosen]
    write_json(folder / SAMPLES, {"schema": SCHEMA, "seed": seed, "samples": samples})
    return True


def shown_seed(results: Results, predictions: Predictions) -> int | None:
    """The first seed of which the fused row has a prediction."""
    row = fused_row(results, predictions)
    seeds = [] if row is None else [s for s in results["config"]["seeds"] if s in predictions[row]]
    return seeds[0] if seeds else None


def read_samples(folder: str | Path) -> Samples | None:
    """What `keep_samples` wrote; None where it is missing or damaged."""
    try:
        found = json.loads((Path(folder) / SAMPLES).read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA:
            return None
        shown = {int(entry["index"]): _strings(entry["shown"]) for entry in found["samples"]}
        return Samples(int(found["seed"]), shown)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _strings(shown: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {
        str(modality): {str(key): str(value) for key, value in entry.items()}
        for modality, entry in shown.items()
    }


def _chosen(results: Results, predictions: Predictions, seed: int) -> list[int]:
    rows = [*alone_rows(results, predictions).values(), fused_row(results, predictions) or ""]
    found = [predictions[row][seed] for row in rows if seed in predictions[row]]
    return chosen_samples(found[0].labels, [prediction.right for prediction in found])


def _load(results: Results, data_root: str | Path | None, seed: int) -> DataSource:
    from equimodal.data.sources import load, ready
    from equimodal.data.table import is_manifest

    config = results["config"]
    name, root = str(config["data"]), None if data_root is None else Path(data_root)
    if root is not None and is_manifest(name) and (root / name).exists():
        name, prepared = ready(os.path.join(root, name), root)  # keeps the slash of a folder
        root = None if prepared is None else Path(prepared)
    return load(name, root=root, seed=seed, **config.get("data_settings", {}))


def _check(source: DataSource, prediction: Prediction) -> None:
    labels = source.test.labels.numpy()
    if labels.shape != prediction.labels.shape or (labels != prediction.labels).any():
        raise BalanceError(
            f"{source.name} holds {len(labels)} test samples whose labels are not those of the "
            f"comparison ({len(prediction.labels)}); give the data that it was made with."
        )


def _shown(source: DataSource, index: int) -> dict[str, dict[str, str]]:
    from equimodal.data.presence import PRESENT  # imports torch
    from equimodal.report.kept.thumbnails import shown

    inputs, _, _ = source.test[index]
    there = inputs.get(PRESENT)
    return {
        m: shown(about.kind, inputs[m].numpy(), about.vocabulary)
        if there is None or bool(there[k])
        else {"text": "missing"}
        for k, (m, about) in enumerate(source.modalities.items())
    }
