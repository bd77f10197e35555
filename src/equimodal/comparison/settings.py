"""Settings such as ``amss.tau``: to whom they belong, and whether they can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from equimodal import methods
from equimodal.checks import require_settings
from equimodal.data.table import stem_of
from equimodal.errors import BalanceError, did_you_mean, quoted
from equimodal.training.config import create_method

ON = "on"


def split_settings(
    settings: Mapping[str, object],
    data: str,
    rows: Iterable[str] = (),
    *,
    optimizer: str | None = None,
) -> dict[str, dict[str, Any]]:
    """``{"amss.tau": 0.2, "keypad.snr": 5}`` -> ``{"amss": {"tau": 0.2}, "keypad": {"snr": 5}}``

    Args:
        settings: values by ``<owner>.<name>``.
        data: name of the data set, which may own settings.
        rows: rows of the comparison; registered methods among them may own settings.
        optimizer: its name; it may own settings too.

    Raises:
        BalanceError: a key without an owner, or with one that is not compared.
    """
    owners = [data, *(row for row in rows if methods.known(row))]
    owners += [optimizer] if optimizer else []
    found: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        owner, dot, name = key.partition(".")
        if not dot or not name:
            raise BalanceError(
                f"The setting '{key}' does not say whose it is; write <method or data>.<name>, "
                f"with one of {', '.join(owners)} before the dot."
            )
        if owner not in owners:
            raise BalanceError(
                f"The setting '{key}' belongs to nothing in this comparison; write one of "
                f"{', '.join(owners)} before the dot.{did_you_mean(owner, owners)}"
            )
        found.setdefault(owner, {})[name] = value
    return found


def check_no_table_settings(settings: Iterable[str], table: str) -> None:
    """Raise `BalanceError` where a setting names a table, whose settings stand in its YAML."""
    name, stem = Path(table).name, stem_of(table)
    for key in settings:
        own = key.startswith(f"{name}.") or (key.startswith(f"{stem}.") and not methods.known(stem))
        if own:
            raise BalanceError(
                f"The setting '{key}' names a table, whose settings stand in {stem}.yaml beside "
                f"it; write `{key.rpartition('.')[2]}: VALUE` there, see docs/manifest.md."
            )


def check_finite(settings: Mapping[str, object]) -> None:
    """Raise `BalanceError` for infinity and NaN, which no file of results can hold."""
    for key, value in settings.items():
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, RecursionError, TypeError) as error:
            raise BalanceError(
                f"The setting '{key}' must be finite numbers, names, or lists of these; found "
                f"{quoted(value)}."
            ) from error


def with_names(row: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a method, "none" where that word was read as nothing and a name is wanted."""
    known = methods.settings(row)
    return {
        name: "none" if value is None and isinstance(known.get(name), str) else value
        for name, value in given.items()
    }


def check_method_settings(row: str, given: Mapping[str, Any]) -> None:
    """Raise `BalanceError` unless the method takes all of these names and values."""
    known = {**methods.settings(row), **methods.window_settings(row), ON: "gradient"}
    for name, value in given.items():
        require_settings(row, [name], known)
        if _is_number(known[name]) and value is not None and not _is_number(value):
            raise BalanceError(
                f"{row}.{name} must be a number, as its default {known[name]!r} is; "
                f"found {quoted(value)}."
            )
    own = {name: value for name, value in given.items() if name != ON}
    try:
        create_method(row, own)
    except BalanceError as error:
        raise BalanceError(f"{row}: {error}") from error
    except TypeError as error:
        raise BalanceError(f"{row} cannot take {own}: {error}.") from error
    if ON in given:
        _check_on(row, given[ON])


def _check_on(row: str, value: object) -> None:
    """What a mask is applied to is the balancer's setting, of use to methods with masks."""
    if value not in ("gradient", "update"):
        raise BalanceError(f"{row}.{ON} must be gradient or update, found {quoted(value)}.")
    if not methods.create(row).edits_gradients():
        raise BalanceError(f"{row} changes no gradient, so {row}.{ON} has no effect; leave it out.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
