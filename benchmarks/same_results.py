"""Did the results move? Two results folders of the same command, held against each other.

    python benchmarks/same_results.py BEFORE AFTER

Of every row and seed everything is equal to the last digit: results.json (settings, accuracies,
probes, losses, the summary), and of each run the curves, decisions and diagnosis of records.json
and all arrays of predictions.npz and robustness.npz. Left out is what `LEFT_OUT` lists: times, and
what the folder was made with. Each difference is a line with row, seed, field and both values; what
only one folder holds is named. The exit code is 1 where anything differs, else 0, and 2 where there
is nothing to compare.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LEFT_OUT = {
    # Times, and what follows from them.
    "seconds", "step_seconds", "step_time_ratio", "samples_per_second", "waiting_share",
    # Versions, platform and processor.
    "environment",
}  # fmt: skip
Fields = dict[str, Any]
RESULTS, RECORDS = "results.json", "records.json"
ARRAYS = ("predictions.npz", "robustness.npz")
SHOWN = 10
"""Differences of one row and seed that are listed; the others are counted."""


class Difference(NamedTuple):
    """One field that is not the same."""

    place: str
    """Row and seed."""
    field: str
    words: str


def differences(before: Path, after: Path) -> list[Difference]:
    """All that is not the same in two results folders.

    Raises:
        ValueError: a folder holds no results, or a file of it cannot be read.
    """
    one, other = contents(before), contents(after)
    found: list[Difference] = []
    for place in dict.fromkeys([*one, *other]):
        if place not in one or place not in other:
            found.append(Difference(place, "", _only(place in one)))
        else:
            found += _of_fields(place, one[place], other[place])
    return found


def _of_fields(place: str, before: Fields, after: Fields) -> Iterator[Difference]:
    for field in dict.fromkeys([*before, *after]):
        if field not in before or field not in after:
            yield Difference(place, field, _only(field in before))
        elif words := _change(before[field], after[field]):
            yield Difference(place, field, words)


def _only(before: bool) -> str:
    return f"only in {'BEFORE' if before else 'AFTER'}"


def _change(before: Any, after: Any) -> str:
    """Both values where they differ in any bit; empty where they do not. NaN equals NaN."""
    if not isinstance(before, np.ndarray):
        return "" if repr(before) == repr(after) else f"{before!r} became {after!r}"
    if (before.shape, before.dtype) != (after.shape, after.dtype):
        return f"{before.dtype}{before.shape} became {after.dtype}{after.shape}"
    inexact = np.issubdtype(before.dtype, np.inexact)
    apart = np.argwhere((before != after) & ~(inexact & (before != before) & (after != after)))
    if not len(apart):
        return ""
    first = tuple(map(int, apart[0]))
    values = f"{before[first]!r} became {after[first]!r} at {list(first)}"
    return f"{values}, {len(apart)} of {before.size} values differ"


def contents(folder: Path) -> dict[str, Fields]:
    """Fields by row and seed, such as ``{"amss, seed 0": {"test.accuracy": 0.5}}``.

    Raises:
        ValueError: the folder holds no results, or a file of it cannot be read.
    """
    results = _json(folder / RESULTS)
    runs = results.pop("runs", [])
    rates = {run["lr"] for run in runs if run["lr"] is not None}
    found = {RESULTS: dict(_fields(results))}
    for run in runs:
        fields = dict(_fields(run))
        if run.get("folder"):
            fields |= _files(folder / run["folder"])
        found[_place(run, several=len(rates) > 1)] = fields
    return found


def _place(run: Fields, *, several: bool) -> str:
    """Row and seed of a run, and its learning rate where several were tried."""
    place = f"{run['method']}, seed {run['seed']}"
    return f"{place}, lr {run['lr']}" if several else place


def _files(run: Path) -> dict[str, Any]:
    """Records and predictions of a run, as far as it has them."""
    found: dict[str, Any] = {}
    if (run / RECORDS).exists():
        found |= dict(_fields(_json(run / RECORDS), RECORDS + ": "))
    for file in filter(lambda name: (run / name).exists(), ARRAYS):
        with np.load(run / file) as arrays:
            found |= {f"{file}: {name}": arrays[name] for name in arrays.files}
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no object")
    return found


def _fields(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every number and word in nested JSON with the path to it, ``decisions[3].values.sound``."""
    if isinstance(value, dict) and value:
        dot = "" if not name or name.endswith(": ") else "."
        for key, item in value.items():
            if key not in LEFT_OUT:
                yield from _fields(item, f"{name}{dot}{key}")
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _fields(item, f"{name}[{index}]")
    else:
        yield name, value


def told(found: list[Difference]) -> Iterator[str]:
    """Lines for a reader."""
    for place, group in groupby(found, key=lambda difference: difference.place):
        own = list(group)
        for difference in own[:SHOWN]:
            field = f"{difference.field}: " if difference.field else ""
            yield f"{place}: {field}{difference.words}"
        if len(own) > SHOWN:
            yield f"{place}: and {len(own) - SHOWN} other fields"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("before", type=Path, metavar="BEFORE", help="a results folder")
    parser.add_argument("after", type=Path, metavar="AFTER", help="the same, made later")
    given = parser.parse_args(arguments)
    try:
        found = differences(given.before, given.after)
    except ValueError as error:
        print(f"same_results: {error}", file=sys.stderr)
        return 2
    for line in told(found):
        print(line)
    print(f"differences: {len(found)}" if found else "the same to the last digit")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
