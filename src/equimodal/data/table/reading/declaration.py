"""The YAML beside a manifest: ``my.yaml`` says what ``my.csv`` leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equimodal.data.plain_yaml import read_yaml
from equimodal.data.settings import choice, number, whole
from equimodal.data.table import stem_of
from equimodal.data.table.reading.findings import ALLOWED
from equimodal.data.table.reading.settings import KINDS, checked_settings
from equimodal.data.table.truth.goal import declared_target
from equimodal.errors import DataError, did_you_mean, quoted

SPLITS = ("train", "validation", "test")
SPLIT_COLUMNS = ("split", "fold", "set", "subset", "partition")
KEYS = (
    "task", "label", "separator", "weight", "split", "group", "ratios", "validation", "seed",
    "allow", "missing", "modalities",
)  # fmt: skip
REFUSED = "refuse"
DEFAULT_RATIOS = (0.7, 0.15, 0.15)


@dataclass(frozen=True)
class Declared:
    """A modality as declared: its columns, its kind ("" to infer it), the settings of that kind,
    the name of its encoder ("" for the default), and whether samples may lack it."""

    columns: tuple[str, ...]
    kind: str
    settings: dict[str, Any]
    encoder: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Declaration:
    """What the YAML says; the fields are those of `docs/manifest.md`.

    ``task`` and ``ratios`` are None where none are declared; ``label`` is empty, and
    ``modalities``, where they are inferred. ``missing``: samples may lack any modality.
    """

    task: str | None = None
    label: tuple[str, ...] = ()
    separator: str = ""
    weight: Mapping[str, float] | str | None = None
    split: str | None = None
    group: str | None = None
    ratios: tuple[float, ...] | None = None
    validation: float = 0.2
    seed: int = 0
    allow: tuple[str, ...] = ()
    missing: bool = False
    modalities: dict[str, Declared] = field(default_factory=dict)


def beside(table: Path) -> list[Path]:
    """Where the declaration of a table may lie."""
    return [table.with_name(f"{stem_of(table)}{suffix}") for suffix in (".yaml", ".yml")]


def read_declaration(table: Path) -> Declaration:
    """The declaration beside a table, or an empty one.

    Raises:
        DataError: it is no plain YAML, a key is unknown, or a value is of the wrong kind.
    """
    paths = [path for path in beside(table) if path.is_file()]
    if not paths:
        return Declaration()
    if len(paths) > 1:
        names = " and ".join(p.name for p in paths)
        raise DataError(f"{names} lie both beside {table.name}; delete or rename one of the two.")
    (path,) = paths
    content = read_yaml(path)
    try:
        return _declaration({} if content is None else content)
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error


def _declaration(content: object) -> Declaration:
    found = _mapping("the file", content)
    known(found, KEYS, "the file")
    names: dict[str, Any] = {
        key: _name(key, found[key]) for key in ("split", "group") if key in found
    }
    names |= declared_target(found)
    if "ratios" in found:
        if "split" in found:
            raise DataError("split and ratios are both given; write one of the two.")
        names["ratios"] = _ratios(found["ratios"])
    return Declaration(
        **names,
        validation=number("validation", found.get("validation", 0.2), low=0.01, high=0.9),
        seed=whole("seed", found.get("seed", 0), low=0, high=2**31),
        allow=_allowed(found.get("allow", [])),
        missing=_missing("missing", found.get("missing", REFUSED)),
        modalities={
            str(name): _modality(str(name), entry)
            for name, entry in _mapping("modalities", found.get("modalities", {})).items()
        },
    )


def known(found: Mapping[str, Any], names: Iterable[str], place: str) -> None:
    """Raise `DataError` unless every key of ``found`` is one of ``names``."""
    names = list(names)
    for key in found:
        if key not in names:
            raise DataError(
                f"there is no key '{key}' in {place}; write some of {', '.join(names)}."
                f"{did_you_mean(str(key), names)}"
            )


def _mapping(place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"{place} must hold `key: value` lines; found {quoted(value)}.")
    return value


def _name(key: str, value: object) -> Any:
    if not isinstance(value, str) or not value:
        raise DataError(f"{key} must be the name of a column; found {quoted(value)}.")
    return value


def _ratios(value: object) -> Any:
    if isinstance(value, dict):
        known(value, SPLITS, "ratios")
        value = [value.get(name) for name in SPLITS]
    if isinstance(value, list) and len(value) == len(SPLITS):
        shares = [number("a ratio", share, low=0.001, high=1) for share in value]
        if abs(sum(shares) - 1) < 1e-6:
            return tuple(shares)
    raise DataError(
        "ratios must be three shares (train, validation, test) with the sum 1, such as "
        f"[0.7, 0.15, 0.15]; found {quoted(value)}."
    )


def _allowed(value: object) -> tuple[str, ...]:
    codes = [value] if isinstance(value, str) else value
    if not isinstance(codes, list) or not set(map(str, codes)) <= set(ALLOWED):
        raise DataError(f"allow must be a list of {', '.join(ALLOWED)}; found {quoted(value)}.")
    return tuple(codes)


def _missing(name: str, value: object) -> bool:
    """Whether samples may lack a modality: "allow" or "refuse"."""
    return choice(name, value, (REFUSED, "allow")) != REFUSED


def _modality(name: str, entry: object) -> Declared:
    """A modality's entry: ``column`` or ``columns``, ``kind``, ``encoder``, ``missing``, and the
    settings of its kind."""
    if isinstance(entry, str):
        entry = {"column": entry}
    rest = dict(_mapping(f"modalities.{name}", {} if entry is None else entry))
    kind = rest.pop("kind", "")
    if kind:
        choice(f"modalities.{name}.kind", kind, tuple(KINDS))
    encoder = rest.pop("encoder", "")
    if not isinstance(encoder, str):
        raise DataError(f"modalities.{name}.encoder must be a name; found {quoted(encoder)}.")
    missing = _missing(f"modalities.{name}.missing", rest.pop("missing", REFUSED))
    columns = rest.pop("columns", None)
    column = rest.pop("column", None if kind == "table" else name)
    chosen = [column] * (column is not None) if columns is None else columns
    of_table = kind == "table" and bool(rest.get("numbers") or rest.get("categories"))
    if not isinstance(chosen, list) or not all(isinstance(c, str) for c in chosen):
        raise DataError(f"modalities.{name} must name its column; found {quoted(chosen)}.")
    if not chosen and not of_table:
        raise DataError(f"modalities.{name} must name its column, or several under columns.")
    if len(chosen) > 1 and kind not in ("", "numbers", "table"):
        raise DataError(
            f"modalities.{name} has {len(chosen)} columns; only kind: numbers and kind: table may."
        )
    kind = kind or "numbers" * (len(chosen) > 1)
    settings = checked_settings(f"modalities.{name}", kind, rest)
    if kind == "table":
        chosen = _of_table(name, chosen, settings)
    return Declared(tuple(chosen), kind, settings, encoder, missing)


def _of_table(name: str, columns: list[str], settings: Mapping[str, list[str]]) -> list[str]:
    """The columns of a table, those of ``numbers`` and ``categories`` among them.

    Raises:
        DataError: one is named twice.
    """
    numbers, categories = settings.get("numbers", []), settings.get("categories", [])
    sure = [*numbers, *categories]
    twice = [found for own in (columns, sure) for found in own if own.count(found) > 1]
    if twice:
        raise DataError(f"modalities.{name} names '{twice[0]}' twice; write it once.")
    return list(dict.fromkeys([*columns, *sure]))
