"""Reads what a comparison left: results.json, and the records of its runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equimodal.errors import BalanceError
from equimodal.report.read.schema import EARLIER, SCHEMA, check
from equimodal.storage.files import as_written

if TYPE_CHECKING:
    from equimodal.comparison.outcome.judged import Judged

Results = dict[str, Any]
Run = dict[str, Any]
Records = dict[str, list[dict[str, Any]]]


def read_results(folder: str | Path) -> Results:
    """The checked content of ``folder``/results.json, of an earlier version as this one has it.

    Raises `BalanceError` when the folder or the file is missing, truncated or of another schema.
    """
    folder = Path(folder)
    path = folder / "results.json"
    if not folder.is_dir():
        raise BalanceError(
            f"No folder {folder} to report on: found {'a file' if folder.exists() else 'nothing'}. "
            f"Run a comparison first: equimodal compare --out {folder}"
        )
    if not path.is_file():
        raise BalanceError(f"{folder} holds no results.json: {_instead(folder)}")
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BalanceError(
            f"{path} is not complete JSON ({path.stat().st_size} bytes): {error}. "
            f"Write it again: equimodal compare --resume --out {folder}"
        ) from error
    earlier = isinstance(results, dict) and results.get("schema") == EARLIER
    check(results, str(path), schema=EARLIER if earlier else SCHEMA)
    loaded: Results = _renewed(folder, results) if earlier else results
    return loaded


def _renewed(folder: Path, results: Results) -> Results:
    """Results of an earlier schema with the summary of this one, as far as predictions are there.

    The file stays as it is.
    """
    # Loads torch, which results of this version do without.
    from equimodal.comparison.outcome.summary import summarise

    with as_written(folder, "write it again: equimodal compare --resume --out DIR"):
        rows = [row for row in results["config"]["methods"] if row in results["summary"]]
        summarised = summarise(rows, results["runs"], judged_reader(folder))
        return {**results, "schema": SCHEMA, **summarised}


def judged_reader(folder: Path) -> Callable[[Mapping[str, Any]], Judged | None]:
    """What gives the test samples of a run as its folder keeps them; None where it cannot."""
    from equimodal.comparison.outcome.judged import read_judged  # imports torch

    def read(run: Mapping[str, Any]) -> Judged | None:
        place = run_file(folder, run, "") if run.get("folder") else None
        if place is None:
            return None
        with suppress(BalanceError):
            return read_judged(place)
        return None

    return read


def _instead(folder: Path) -> str:
    if (folder / "runs").is_dir():
        return (
            "found unfinished runs. Finish the comparison: "
            f"equimodal compare --resume --out {folder}"
        )
    below = sorted(path.parent.name for path in folder.glob("*/results.json"))
    if below:
        return f"found results in {', '.join(below)}. Write: equimodal report {folder / below[0]}"
    count = sum(1 for _ in folder.iterdir())
    return f"found {count} other entries. Run a comparison: equimodal compare --out {folder}"


def run_file(folder: str | Path, run: Mapping[str, Any], name: str) -> Path | None:
    """A file in a run's folder; None where that lies outside the results."""
    root = Path(folder).resolve()
    path = (root / str(run["folder"]) / name).resolve()
    return path if path.is_relative_to(root) else None


def read_records(folder: str | Path, run: Mapping[str, Any]) -> tuple[Records, str | None]:
    """The curves, decisions and measures of one run, and a sentence when they cannot be read."""
    name = f"{run['method']} seed {run['seed']}"
    place = run.get("folder")
    empty: Records = {"curves": [], "decisions": [], "diagnosis": []}
    if not place:
        return empty, None
    path = run_file(folder, run, "records.json")
    if path is None:
        return empty, f"{name}: its folder {place} lies outside the results and was not read."
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {key: _entries(found, key) for key in empty}, None
    except FileNotFoundError:
        return empty, f"{name}: no records.json in {place}, so its curves are left out."
    except (OSError, ValueError) as error:
        return empty, f"{name}: records.json in {place} cannot be read ({error})."


_ENTRIES: dict[str, tuple[str, ...]] = {
    "curves": ("epoch",),
    "decisions": ("epoch", "values"),
    "diagnosis": ("epoch", "values"),
}


def _entries(found: object, key: str) -> list[dict[str, Any]]:
    entries = found.get(key, []) if isinstance(found, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f"{key} is not a list")
    for entry in entries:
        if not isinstance(entry, dict) or any(name not in entry for name in _ENTRIES[key]):
            raise ValueError(f"an entry of {key} lacks one of {', '.join(_ENTRIES[key])}")
    return entries
