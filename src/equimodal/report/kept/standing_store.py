"""standing.json: the best row held against every other, kept beside the results for the page."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from equimodal.data.target import CLASSIFICATION
from equimodal.report.read.reading import Results, judged_reader
from equimodal.report.read.rows import Difference, difference_of, main_name, runs_of
from equimodal.report.read.standing import best_row, rivals

STANDING = "standing.json"
SCHEMA = "equimodal.standing/1"


def keep_standing(folder: str | Path, results: Results) -> None:
    """Writes ``folder``/standing.json: the differences of the best row to all others, with the
    one interval; nothing where no row is best."""
    from equimodal.comparison.outcome.differences import Differences  # imports torch
    from equimodal.storage.files import write_json

    best = best_row(results)
    if best is None:
        return
    rows = [best, *rivals(results)]
    differences = Differences(
        {row: runs_of(results, row) for row in rows},
        judged_reader(Path(folder)),
        kind=results["data"].get("task", CLASSIFICATION),
        main=main_name(results),
    )
    held = {row: differences.difference(best, row) for row in rows[1:]}
    write_json(Path(folder) / STANDING, {"schema": SCHEMA, "best": best, "differences": held})


def read_standing(folder: str | Path, results: Results) -> dict[str, Difference]:
    """What `keep_standing` wrote; nothing where it is missing, damaged or of another best row."""
    with suppress(OSError, ValueError, KeyError, AttributeError):
        found = json.loads((Path(folder) / STANDING).read_text(encoding="utf-8"))
        if (found.get("schema"), found.get("best")) == (SCHEMA, best_row(results)):
            told = {str(row): difference_of(held) for row, held in found["differences"].items()}
            return {row: held for row, held in told.items() if held is not None}
    return {}
