"""How the columns of a table are read, every setting in force: what new rows are read by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from equimodal.checks import require_settings
from equimodal.data.settings import choice, flag, number, whole
from equimodal.data.table.items.text.pretrained_tokens import is_pretrained
from equimodal.data.table.reading.settings import KINDS, VARIATION, Check
from equimodal.data.variation import Variation
from equimodal.errors import DataError, quoted

MOST_NUMBERS = 2**27
"""Numbers of a row, at most: 512 MB in single precision."""
_MOST_WORDS, _MOST_TEXT, _MOST_AXES = 100_000, 2**26, 5
_TYPES = ("u1", "f4", "f8", "i4")
_NEEDED = {
    "image": ("size", "channels"),
    "sound": ("rate", "seconds", "window", "level"),
    "waveform": ("rate", "seconds", "level"),
    "video": ("size", "frames"),
    "text": ("length",),
    "sequence": ("length", "width"),
    "table": ("numbers", "categories"),
}
"""Settings without which no row of a kind can be read."""


@dataclass(frozen=True)
class FittedColumn:
    """A modality's columns, and all settings by which a cell of them becomes a row.

    ``sources`` are names of columns, ``files`` says whether cells are paths, ``shape`` and
    ``dtype`` are of a row before it is scaled, ``variation`` holds what pictures are cut to;
    ``missing`` says whether a row may lack it.
    """

    sources: tuple[str, ...]
    kind: str
    files: bool
    settings: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: str
    variation: Mapping[str, Any] = field(default_factory=dict)
    missing: bool = False

    @property
    def crop(self) -> Variation:
        """What pictures are cut to; nothing varies."""
        crop = self.variation.get("crop")
        return Variation(crop=(crop[0], crop[1]) if crop else None)


@dataclass(frozen=True)
class FittedTable:
    """The columns of every modality, and the names of those of the label and the group.

    ``separator`` stands between the labels of a cell, "" where a cell holds one or a number.
    """

    columns: Mapping[str, FittedColumn]
    labels: tuple[str, ...]
    group: str | None = None
    separator: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "label": self.labels[0] if len(self.labels) == 1 else list(self.labels),
            **({"separator": self.separator} if self.separator else {}), "group": self.group,
            "columns": {name: asdict(column) for name, column in self.columns.items()},
        }  # fmt: skip

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> FittedTable:
        """What `as_dict` gave, every value checked: it may come from anybody's file.

        Raises:
            DataError: a value that no table has.
        """
        label, group = found["label"], found["group"]
        labels = _names("label", label) if isinstance(label, list) else [_name("label", label)]
        if group is not None:
            _name("group", group)
        separator = _name("separator", found["separator"]) if "separator" in found else ""
        columns = {str(m): _column(str(m), entry) for m, entry in found["columns"].items()}
        return cls(columns, tuple(labels), group, separator)


def _column(name: str, found: Mapping[str, Any]) -> FittedColumn:
    place = f"the column of '{name}'"
    kind = choice(f"{place}: kind", found["kind"], tuple(KINDS))
    sources = _names(f"{place}: sources", found["sources"])
    files = flag(f"{place}: files", found["files"])
    wanted = bool(KINDS[kind].extensions)
    if files != wanted and kind != "text":
        raise DataError(f"{place}: files of a {kind} must be {wanted}; found {files}.")
    settings = _settings(place, kind, dict(found["settings"]))
    if kind == "table":
        named = [own["name"] for side in ("numbers", "categories") for own in settings[side]]
        if named != sources:
            raise DataError(f"{place}: settings must be of {sources}; found {quoted(named)}.")
    variation = dict(found["variation"])
    require_settings(f"{place}: variation", variation, VARIATION, error=DataError)
    return FittedColumn(
        tuple(sources), kind, files, settings,
        tuple(_shape(f"{place}: shape", found["shape"])),
        choice(f"{place}: dtype", found["dtype"], _TYPES),
        {key: VARIATION[key](f"{place}: {key}", value) for key, value in variation.items()},
        flag(f"{place}: missing", found.get("missing", False)),
    )  # fmt: skip


def _settings(place: str, kind: str, found: dict[str, Any]) -> dict[str, Any]:
    """The settings of a kind: those that can be declared, and what was found in the files."""
    checks = {**KINDS[kind].settings, **_FOUND}
    require_settings(place, found, checks, error=DataError)
    if lacking := [name for name in _NEEDED.get(kind, ()) if name not in found]:
        raise DataError(f"{place}: a {kind} is read by its {lacking[0]}, which is missing.")
    return {name: checks[name](f"{place}: {name}", value) for name, value in found.items()}


def _name(place: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise DataError(f"{place} must be a name; found {quoted(value)}.")
    return value


def _names(place: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise DataError(f"{place} must be names; found {quoted(value)}.")
    return _once(place, [_name(place, each) for each in value])


def _once(place: str, values: list[str]) -> list[str]:
    """The values, none of which stands twice: each has a place of its own in a row."""
    if len(set(values)) < len(values):
        raise DataError(f"{place} must differ; found {quoted(values)}.")
    return values


def _words(place: str, value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > _MOST_WORDS:
        raise DataError(f"{place} must be at most {_MOST_WORDS:,} words; found {quoted(value)}.")
    return _once(place, [_text(place, each) for each in value])


def _text(place: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise DataError(f"{place} must be a text; found {quoted(value)}.")
    return value


def _tokens(name: str, value: object) -> str:
    if is_pretrained(value):
        return value
    return choice(name, value, ("words", "signs", "pieces", "bytes"))


def _shape(place: str, value: object) -> list[int]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_AXES:
        raise DataError(f"{place} must be 1 to {_MOST_AXES} sizes; found {quoted(value)}.")
    sizes = [whole(place, size, low=1, high=MOST_NUMBERS) for size in value]
    if math.prod(sizes) > MOST_NUMBERS:
        raise DataError(f"{place} must be at most {MOST_NUMBERS:,} numbers; found {quoted(value)}.")
    return sizes


def _numbers(place: str, value: object) -> list[dict[str, Any]]:
    """The numbers of a table, and what fills their empty cells."""
    return [
        {
            "name": _name(place, own["name"]),
            "fill": number(place, own["fill"]),
            "marked": flag(place, own["marked"]),
        }
        for own in _listed(place, value)
    ]


def _categories(place: str, value: object) -> list[dict[str, Any]]:
    """The categories of a table and their values."""
    return [
        {
            "name": _name(place, own["name"]),
            "values": _words(place, own["values"]),
            "others": flag(place, own["others"]),
        }
        for own in _listed(place, value)
    ]


def _listed(place: str, value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(own, dict) for own in value):
        raise DataError(f"{place} must be a list of columns; found {quoted(value)}.")
    return value


def _whole(low: int, high: int) -> Check:
    return lambda name, value: whole(name, value, low=low, high=high)


_FOUND: dict[str, Check] = {
    "words": _words,
    "pieces": _text,
    "tokenizer": _text,
    "tokens": _tokens,
    "package": _text,
    "numbers": _numbers,
    "categories": _categories,
    "length": _whole(1, 1024),
    "width": _whole(1, MOST_NUMBERS),
    "shape": _shape,
    "depth": _whole(16, 16),
    "digits": lambda name, value: choice(name, value, ("double",)),
}
