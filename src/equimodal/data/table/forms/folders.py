"""Folders of Hugging Face datasets: saved ones, and the hub's of Parquet files.

``save_to_disk`` writes state.json, which lists Arrow streams, and dataset_info.json; of several
splits a folder each, and dataset_dict.json with their names. On the hub each split is
``<split>-00000-of-00002.parquet`` and so on, in the folder or its ``data/``
(`docs <https://huggingface.co/docs/datasets/repository_structure>`_).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equimodal.data.table.forms import parquet, streams
from equimodal.data.table.forms.features import Names, names_in
from equimodal.data.table.forms.shards import shards_of
from equimodal.errors import BalanceError, DataError, counted, quoted
from equimodal.storage.files import read_json

DICT, STATE, INFO = "dataset_dict.json", "state.json", "dataset_info.json"
_PIECE = re.compile(r"(\w+(?:\.\w+)*)-(\d{1,6})-of-(\d{1,6})(?:-[0-9a-f]+)?\.(?:arrow|parquet)")
_AGAIN = "copy the folder as `save_to_disk` wrote it"
_SHOWN = 5


@dataclass(frozen=True)
class Part:
    """One file of rows: its split ("" for none), and the classes that dataset_info.json names."""

    split: str
    path: Path
    names: Names = field(default_factory=dict)


def files_of(table: Path) -> list[Path]:
    """Every file of a table but its YAML: one, the shards of a tar, or all of a folder.

    Raises:
        DataError: as of `parts_of`.
    """
    if not os.path.isdir(table):
        return shards_of(table)
    rows = [part.path for part in parts_of(table)]
    told = {folder / name for folder in {table, *(path.parent for path in rows)}
            for name in (DICT, STATE, INFO)}  # fmt: skip
    return [*rows, *sorted(path for path in told if path.is_file())]


def columns_of(folder: Path) -> tuple[list[str], list[list[str]], list[str]]:
    """Names of the columns, the cells of each, and the split of each row; none where it is one.

    Raises:
        DataError: as of `parts_of`; a file is damaged, or two have other columns.
    """
    parts = parts_of(folder)
    names: list[str] = []
    held: list[list[str]] = []
    splits: list[str] = []
    for part in parts:
        place = part.path.relative_to(folder.parent).as_posix()
        if part.path.suffix == streams.SUFFIX:
            own, cells = streams.columns_of(part.path, place, part.names)
        else:
            own, cells = parquet.columns_of(part.path, place)
        if part is parts[0]:
            names, held = own, [[] for _ in own]
        if sorted(own) != sorted(names):
            raise DataError(
                f"'{place}' has the columns {', '.join(own)}, and the files before it "
                f"{', '.join(names)}; save all with the same."
            )
        if len(set(own)) == len(own):  # else the header is refused
            cells = [cells[own.index(name)] for name in names]
        for into, more in zip(held, cells, strict=True):
            into += more
        splits += [part.split] * len(cells[0] if cells else [])
    return names, held, splits if len({part.split for part in parts}) > 1 else []


def parts_of(folder: Path) -> list[Part]:
    """The files of rows in a folder.

    Raises:
        DataError: it is of neither form, a file is missing or a link, or what lists them is wrong.
    """
    if folder.name in ("", ".."):
        raise DataError(f"'{folder}' has no name; write the folder's own, as ../my_dataset/.")
    if (folder / DICT).is_file():
        names = _list(folder / DICT, "splits", _object(folder / DICT).get("splits"))
        parts = [part for name in names for part in _saved(folder / name, name)]
    elif (folder / STATE).is_file():
        parts = _saved(folder, "")
    else:
        parts = _of_hub(folder)
    for part in parts:
        _check_own(folder, part.path)
    return parts


def _saved(folder: Path, split: str) -> list[Part]:
    """The Arrow files that a state.json lists."""
    state, info = _object(folder / STATE), _object(folder / INFO)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise DataError(
            f"{_named(folder / STATE)} keeps the order of its rows apart, as old versions of "
            "Hugging Face datasets do; save it again with a newer one."
        )
    listed = state.get("_data_files")
    entries = listed if isinstance(listed, list) else [listed]
    found = [entry.get("filename") if isinstance(entry, dict) else entry for entry in entries]
    names = _list(folder / STATE, "_data_files", found)
    for name in names:
        if not name.endswith(streams.SUFFIX):
            raise DataError(f"{_named(folder / STATE)} lists '{name}', which is no .arrow file.")
    _check_whole(folder, names)
    told = names_in(_named(folder / INFO), info.get("features"))
    return [Part(split, folder / name, told) for name in names]


def _of_hub(folder: Path) -> list[Part]:
    inner = folder / "data"
    found = {place: _parquets(place) for place in (folder, inner) if place.is_dir()}
    held = {place: names for place, names in found.items() if names}
    if not held:
        here = sorted(os.listdir(folder))
        shown = ", ".join(here[:_SHOWN]) + ", ..." * (len(here) > _SHOWN)
        raise DataError(
            f"'{folder}' is no folder of Hugging Face datasets: it holds {shown or 'nothing'}. "
            f"Give one that save_to_disk wrote, with {STATE} or {DICT}, or one of Parquet files "
            "as train-00000-of-00002.parquet, in it or its data/; or the path of a table's file."
        )
    if len(held) > 1:
        raise DataError(f"'{folder}' and its data/ hold Parquet files both; keep those of one.")
    ((place, names),) = held.items()
    parts = []
    for name in names:
        piece = _PIECE.fullmatch(name)
        if piece is None:
            raise DataError(
                f"'{_named(place / name)}' names no split and place; call it as "
                "train-00000-of-00001.parquet, or give it alone as the table."
            )
        parts.append(Part(piece[1], place / name))
    _check_whole(place, names)
    return parts


def _parquets(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.lower().endswith(parquet.SUFFIX))


def _check_whole(folder: Path, names: Sequence[str]) -> None:
    """Refuse shards of which one is missing, or that are of two sets."""
    shards: dict[str, list[tuple[int, int]]] = {}
    for piece in filter(None, map(_PIECE.fullmatch, names)):
        shards.setdefault(piece[1], []).append((int(piece[2]), int(piece[3])))
    for stem, found in shards.items():
        count = found[0][1]
        if sorted(found) != [(k, count) for k in range(len(found))] or len(found) != count:
            lacks = next((k for k in range(len(found) + 1) if (k, count) not in found), 0)
            raise DataError(
                f"'{folder.name}' has {counted(len(found), 'file')} of '{stem}' where the names "
                f"say {count:,}; the first that is missing, or stands among those of another "
                f"number, is {lacks}."
            )


def _list(file: Path, key: str, found: Any) -> list[str]:
    """Names of files or folders beside a file, and of nothing elsewhere."""
    fit = isinstance(found, list) and all(_is_name(name) for name in found)
    if not fit or not found or len(set(found)) < len(found):
        raise DataError(
            f"{_named(file)} must list under {key} plain names, each once; found {quoted(found)}."
        )
    return [str(name) for name in found]


def _is_name(found: object) -> bool:
    if not isinstance(found, str) or found in ("", ".", ".."):
        return False
    return found.isprintable() and not any(sign in found for sign in "/\\")


def _check_own(folder: Path, path: Path) -> None:
    own = os.path.join(os.path.realpath(folder), path.relative_to(folder))
    if os.path.realpath(path) != own:
        raise DataError(
            f"'{_named(path)}' is a link; copy what it leads to (cp -rL, or download with "
            "--local-dir)."
        )
    if not os.path.isfile(path):
        raise DataError(f"There is no file '{path}', which the folder lists; {_AGAIN}.")


def _object(file: Path) -> dict[str, Any]:
    if not os.path.isfile(file):
        raise DataError(f"There is no file '{file}'; {_AGAIN}.")
    try:
        return read_json(file, remedy=_AGAIN)
    except BalanceError as error:
        raise DataError(str(error)) from error


def _named(path: Path) -> str:
    return "/".join(path.parts[-2:])
