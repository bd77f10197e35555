"""What Hugging Face datasets say of their columns: the names of classes that they keep as numbers.

They stand under ``features`` in dataset_info.json, and in the metadata of an Arrow or Parquet
schema (`docs <https://huggingface.co/docs/datasets/about_dataset_features>`_).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from equimodal.data.table.forms.values import cell_of
from equimodal.errors import DataError, quoted

Names = Mapping[str, Sequence[str]]
"""The names of the classes of each column that has any."""
_LISTS = ("Sequence", "List", "LargeList")
_MARKS = ";|/"
_NONE = -1
"""The number of a sample without a class."""


def names_in(file: str, features: object) -> dict[str, list[str]]:
    """The names of the classes of each column, or of what its lists hold.

    Raises:
        DataError: they are no texts, or one is empty or stands twice.
    """
    found = {}
    for column, about in (features if isinstance(features, dict) else {}).items():
        if isinstance(about, dict) and about.get("_type") in _LISTS:
            about = about.get("feature")
        elif isinstance(about, list) and len(about) == 1:
            (about,) = about
        if isinstance(about, dict) and about.get("_type") == "ClassLabel" and about.get("names"):
            found[column] = _checked(file, column, about["names"])
    return found


def _checked(file: str, column: str, names: object) -> list[str]:
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        names = [name.strip() for name in names]
        if all(names) and len(set(names)) == len(names):
            return names
    raise DataError(
        f"{file} must give each class of '{column}' a name of its own; found {quoted(names)}."
    )


def names_of(path: Path, schema: Any, told: Names | None = None) -> Names:
    """The names of the classes by a schema, and by what lies beside the file.

    Raises:
        DataError: the schema says what is no JSON, or two say different names.
    """
    text = (schema.metadata or {}).get(b"huggingface")
    try:
        about = json.loads(text) if text else {}
        features = (about.get("info") or {}).get("features")
    except (ValueError, RecursionError, AttributeError) as error:
        raise DataError(
            f"{path.name} is damaged: what its schema says to Hugging Face datasets is no JSON "
            f"object ({error})."
        ) from error
    found = names_in(path.name, features)
    for column, names in (told or {}).items():
        if found.setdefault(column, list(names)) != list(names):
            raise DataError(
                f"dataset_info.json names the classes of '{column}' {quoted(list(names))}, and "
                f"{path.name} {quoted(found[column])}; save the data set again."
            )
    return found


def named_cell(path: Path, row: int, value: object, names: Sequence[str] | None) -> str:
    """A value as a cell, a class by its name; names of a list are parted by a semicolon, or by
    another sign where a name holds one.

    Raises:
        DataError: as of `cell_of`, or a number is that of no class.
    """
    if names is None or value is None:
        return cell_of(path, row, value)
    if not isinstance(value, list):
        return "" if value == _NONE else _name(path, row, value, names)
    mark = next((mark for mark in _MARKS if not any(mark in name for name in names)), None)
    if mark is None:
        raise DataError(
            f"{path.name} has lists of classes whose names hold all of {' '.join(_MARKS)}; leave "
            "one of these signs out of the names."
        )
    return mark.join(_name(path, row, each, names) for each in value)


def _name(path: Path, row: int, value: object, names: Sequence[str]) -> str:
    if type(value) is int and 0 <= value < len(names):
        return names[value]
    raise DataError(
        f"{path.name} holds {quoted(value)} in row {row} where its classes are 0 to "
        f"{len(names) - 1} ({quoted(list(names))}); save the data set again."
    )
