"""Opens prepared data for training: rows stay on disk until a batch asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from equimodal.data.dataset import DataSource, Modality, MultimodalDataset
from equimodal.data.table import stem_of
from equimodal.data.table.reading.declaration import SPLITS
from equimodal.data.table.store.preparation import prepare
from equimodal.data.table.store.prepared import PREPARED, ROWS, read_prepared, store_folder
from equimodal.data.table.store.rows import RowFile, StoredRows
from equimodal.data.target import CLASSES, Target
from equimodal.data.variation import Variation
from equimodal.errors import DataError


def load(name: str, root: str | Path | None, settings: Mapping[str, object]) -> DataSource:
    """A manifest as a comparison uses it.

    Args:
        name: the table's path, or its name where ``root`` is a prepared folder.
        root: a folder that `preparation.prepare` returned, or the data root of a table that is
            prepared now.
        settings: none, or those in force when a run was planned.

    Raises:
        DataError: the data are not those of the plan, or cannot be prepared.
    """
    folder = Path(root) if root is not None else None
    if folder is None or not (folder / PREPARED).is_file():
        folder = prepare(name, root=root)
    content = read_prepared(folder)
    _check(name, settings, content["settings"])
    with np.load(folder / ROWS, allow_pickle=False) as archive:
        arrays = dict(archive)
    splits = {
        split: _split(folder, content["modalities"], arrays, arrays["splits"] == code)
        for code, split in enumerate(SPLITS)
    }
    modalities = {
        m: Modality(
            entry["kind"],
            _variation(entry).shape(entry["shape"]),
            entry["vocabulary"],
            entry.get("tokens", ""),
            _pixels(arrays, m, entry),
            entry.get("encoder", ""),
            entry.get("missing", False),
        )
        for m, entry in content["modalities"].items()
    }
    return DataSource(
        name=content["name"], modalities=modalities, classes=tuple(content["classes"]),
        settings=content["settings"], note=content["note"], target=_target(content), **splits,
    )  # fmt: skip


def _target(content: Mapping[str, Any]) -> Target:
    """What is predicted; one class in a folder of before there was another task."""
    found = content.get("target")
    if found is None:
        return CLASSES
    numbers = {key: tuple(found[key]) for key in ("weight", "mean", "scale")}
    return Target(found["task"], **numbers)


def _pixels(
    arrays: Mapping[str, NDArray[Any]], name: str, entry: Mapping[str, Any]
) -> tuple[float, float] | None:
    """Mean and deviation by which a modality's pixels are standardised; None where it has none."""
    if entry["kind"] not in ("image", "video"):
        return None
    return float(arrays[f"mean:{name}"]), float(arrays[f"scale:{name}"])


def _variation(entry: Mapping[str, Any]) -> Variation:
    crop = entry.get("crop")
    return Variation(tuple(entry.get("augment", ())), (crop[0], crop[1]) if crop else None)


def _check(name: str, given: Mapping[str, object], found: Mapping[str, object]) -> None:
    unknown = [key for key in given if key not in found]
    if unknown:
        raise DataError(
            f"{Path(name).name} takes no settings here, found '{unknown[0]}'; write them into "
            f"{stem_of(name)}.yaml beside it."
        )
    if given and given.get("fingerprint") != found["fingerprint"]:
        raise DataError(
            f"{Path(name).name} or its files changed since the comparison was planned; repeat it "
            "with another --out."
        )


def _split(
    folder: Path,
    modalities: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    chosen: NDArray[np.bool_],
) -> MultimodalDataset:
    rows = {}
    for name, entry in modalities.items():
        file = RowFile(
            store_folder(folder, entry) / "rows.bin", tuple(entry["shape"]), entry["dtype"]
        )
        precision = torch.float64 if file.dtype == np.float64 else torch.float32
        mean, scale = (
            torch.from_numpy(arrays[key]).to(precision) if key in arrays else None
            for key in (f"mean:{name}", f"scale:{name}")
        )
        slots = arrays[f"slots:{name}"][chosen]
        rows[name] = StoredRows(file, slots, mean, scale, variation=_variation(entry))
    there = [arrays[f"slots:{name}"][chosen] >= 0 for name in modalities]
    some = any(entry.get("missing", False) for entry in modalities.values())
    present = torch.from_numpy(np.stack(there, 1)) if some else None
    groups = torch.from_numpy(arrays["groups"][chosen]) if "groups" in arrays else None
    return MultimodalDataset(rows, torch.from_numpy(arrays["labels"][chosen]), groups, present)
