"""The folder of prepared data: written once, opened by every run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.fitted.columns import FittedColumn, FittedTable
from equimodal.data.table.forms.folders import files_of
from equimodal.data.table.items.arrays.readers import version_of
from equimodal.data.table.items.decode import text_digest
from equimodal.data.table.items.scaling import scaling
from equimodal.data.table.items.text import pieces, pretrained_tokens
from equimodal.data.table.items.texts import BYTES, RESERVED
from equimodal.data.table.mixed.fitting import in_short
from equimodal.data.table.reading.declaration import beside
from equimodal.data.table.reading.reading import Reading
from equimodal.data.table.reading.roles import Manifest
from equimodal.data.table.reading.settings import KINDS
from equimodal.data.table.reading.splits import Assignment
from equimodal.data.table.store.cache import RECORD, Store
from equimodal.data.table.store.rows import RowFile
from equimodal.storage.files import atomic, read_json, write_json

PREPARED, ROWS, LATEST, FITTED = "prepared.json", "rows.npz", "latest.npz", "fitted.json"
_OPTION = "--cache"
_PART = 2**20
Stamps = Mapping[str, NDArray[np.int64]]


def write_prepared(
    folder: Path, manifest: Manifest, assignment: Assignment, readings: Mapping[str, Reading],
    stores: Mapping[str, Store], *, note: str, fingerprint: str,
) -> None:  # fmt: skip
    """Write labels, splits, groups, the place of every row and the scaling of every modality."""
    folder.mkdir(exist_ok=True)
    target = manifest.truth.target(assignment.codes)
    arrays: dict[str, NDArray[Any]] = {
        "labels": manifest.truth.values(target),
        "splits": assignment.codes,
    }
    if manifest.group is not None:
        arrays["groups"] = np.unique(manifest.group, return_inverse=True)[1].astype(np.int64)
    modalities = {}
    for name, reading in readings.items():
        store, kind = stores[name], KINDS[manifest.columns[name].kind].model
        slots = np.array([store.slots.get(digest, -1) for digest in reading.digests], np.int64)
        arrays[f"slots:{name}"] = slots
        if kind != "text":
            file = RowFile(store.rows, store.shape, store.dtype)
            mean, scale = scaling(file, slots[(assignment.codes == 0) & (slots >= 0)], kind)
            if manifest.columns[name].kind == "table":  # marks and categories stay 0 and 1
                numbers = len(reading.form.settings["numbers"])
                mean[numbers:], scale[numbers:] = 0, 1
            arrays |= {f"mean:{name}": mean, f"scale:{name}": scale}
        modalities[name] = {
            "kind": kind,
            "shape": list(store.shape),
            "dtype": store.dtype,
            "store": store.folder.name,
            "vocabulary": _vocabulary(reading.form.settings) if kind == "text" else None,
            "encoder": manifest.columns[name].encoder,
            "tokens": "hf" if "tokenizer" in reading.form.settings else "",
            **({"missing": True} if manifest.columns[name].missing else {}),
            **reading.form.variation,
        }
    with atomic(folder / ROWS, _OPTION) as into:
        np.savez(into, **arrays)  # type: ignore[arg-type]
    write_json(folder / FITTED, fitted_columns(manifest, readings).as_dict(), _OPTION)
    settings = {"fingerprint": fingerprint, "modalities": settings_in_force(manifest, readings)}
    # Last: a folder that holds this file is whole.
    write_json(folder / PREPARED, {
        "name": manifest.path.name, "classes": list(manifest.truth.names), "note": note,
        "settings": settings, "modalities": modalities, "target": asdict(target),
    }, _OPTION)  # fmt: skip


def stamp_of(manifest: Manifest) -> str:
    """A name for the table and the YAML, byte by byte, and for the tokenizers and readers that it
    names."""
    found = hashlib.blake2b(digest_size=16)
    for path in (*files_of(manifest.path), *beside(manifest.path)):
        found.update(path.name.encode())  # of a folder it says the split
        found.update((path.stat().st_size if path.is_file() else 0).to_bytes(8))
        if path.is_file():  # in parts: a Parquet may hold all pictures
            with open(path, "rb") as file:
                for part in iter(partial(file.read, _PART), b""):
                    found.update(part)
    for column in manifest.columns.values():
        if pretrained_tokens.is_pretrained(tokens := column.settings.get("tokens")):
            found.update(pretrained_tokens.stamp(tokens))
        if "reader" in column.settings:
            found.update(version_of(column.settings["reader"]).encode())
    return found.hexdigest()


def write_latest(home: Path, stamp: str, stamps: Stamps, fingerprint: str) -> None:
    """Remember what the folder ``fingerprint`` was made from."""
    with atomic(home / LATEST, _OPTION) as into:
        named = {f"stamps:{name}": values for name, values in stamps.items()}
        np.savez(into, stamp=stamp, fingerprint=fingerprint, **named)  # type: ignore[arg-type]


def latest_folder(home: Path, stamp: str, stamps: Stamps) -> Path | None:
    """The folder that was made from the same table and files, where it is still whole."""
    try:
        with np.load(home / LATEST, allow_pickle=False) as found:
            same = str(found["stamp"]) == stamp and all(
                np.array_equal(found[f"stamps:{name}"], values) for name, values in stamps.items()
            )
            folder = home / str(found["fingerprint"])
    except (OSError, ValueError, KeyError, EOFError):  # missing or damaged: make it again
        return None
    return folder if same and is_whole(folder) else None


def is_whole(folder: Path) -> bool:
    """Whether the folder and the rows that it points at are there."""
    if not all((folder / name).is_file() for name in (PREPARED, ROWS, FITTED)):
        return False
    content = read_prepared(folder)
    with np.load(folder / ROWS, allow_pickle=False) as arrays:
        highest = {name: int(arrays[f"slots:{name}"].max()) for name in content["modalities"]}
    for name, entry in content["modalities"].items():
        index = store_folder(folder, entry) / "index.bin"
        if not index.is_file() or index.stat().st_size < (highest[name] + 1) * RECORD:
            return False
    return True


def read_prepared(folder: Path) -> dict[str, Any]:
    """What `write_prepared` wrote into prepared.json.

    Raises:
        BalanceError: it is damaged.
    """
    return read_json(folder / PREPARED, remedy=f"delete the folder '{folder}' and repeat")


def store_folder(folder: Path, entry: Mapping[str, Any]) -> Path:
    """The folder of a modality's rows."""
    return folder.parent.parent.parent / "items" / str(entry["store"])


def fitted_columns(manifest: Manifest, readings: Mapping[str, Reading]) -> FittedTable:
    """How the columns of a table are read, all settings in force."""
    columns = {
        name: FittedColumn(
            manifest.columns[name].sources, manifest.columns[name].kind,
            manifest.columns[name].files, reading.form.settings, reading.form.shape,
            reading.form.dtype, reading.form.variation, manifest.columns[name].missing,
        )
        for name, reading in readings.items()
    }  # fmt: skip
    return FittedTable(
        columns, manifest.truth.columns, manifest.taken.get("group"), manifest.declaration.separator
    )


def read_fitted(folder: Path) -> tuple[FittedTable, dict[str, NDArray[np.float64]]]:
    """The columns of a prepared table, and the mean and scale of each by ``mean:<modality>``."""
    remedy = f"delete the folder '{folder}' and repeat"
    table = FittedTable.from_dict(read_json(folder / FITTED, remedy=remedy))
    with np.load(folder / ROWS, allow_pickle=False) as arrays:
        scaling = {k: arrays[k] for k in arrays.files if k.startswith(("mean:", "scale:"))}
    return table, scaling


def _vocabulary(settings: Mapping[str, Any]) -> int:
    if "tokenizer" in settings:
        return 1 + pretrained_tokens.vocabulary_size(settings["tokenizer"])
    if "pieces" in settings:
        return RESERVED + pieces.count(settings["pieces"])
    return RESERVED + (len(settings["words"]) if "words" in settings else BYTES)


def settings_in_force(manifest: Manifest, readings: Mapping[str, Reading]) -> dict[str, Any]:
    """Kind and settings of each modality, without the words of a vocabulary or a tokenizer."""
    found: dict[str, Any] = {}
    for name, reading in readings.items():
        given = dict(reading.form.settings)
        if "words" in given:
            given["vocabulary"] = len(given.pop("words"))
        if manifest.columns[name].kind == "table":
            given = in_short(given)
        if "pieces" in given:
            given["vocabulary"] = pieces.count(given["pieces"])
            given["pieces"] = text_digest(given["pieces"]).hex()
        if "tokenizer" in given:
            given["vocabulary"] = pretrained_tokens.vocabulary_size(given["tokenizer"])
            given["tokenizer"] = text_digest(given["tokenizer"]).hex()
        kind = manifest.columns[name].kind
        found[name] = {"kind": kind, **given, **reading.form.variation}
    return found
