"""What a check finds: problems, which make training wrong or impossible, and warnings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Each problem in the words of the summary line. Those in `ALLOWED` a user may accept.
PROBLEMS = {
    "cell": "empty cells",
    "missing": "missing files",
    "outside": "paths outside the data root",
    "pickle": "pickles, which are never read",
    "unreadable": "unreadable files",
    "truncated": "truncated files",
    "damaged": "files that are damaged in part",
    "empty": "empty files",
    "large": "files that are too large",
    "finite": "values that are not finite",
    "shape": "shapes that differ",
    "label": "labels that are empty or cannot be read",
    "unlabelled": "samples without any label",
    "typo": "labels or groups that look like another",
    "placeholder": "cells that may stand for a missing value",
    "several": "labels that look like several labels",
    "continuous": "labels that may be measured numbers",
    "roles": "columns that could have one role",
    "header": "headers that are in doubt",
    "undeclared": "columns that could be numbers or categories",
    "decimal": "numbers that can be read in two ways",
    "notation": "numbers in a notation that is not read",
    "format": "files of a format that is not read",
    "tells-label": "modalities that tell the label by value",
    "split": "faults of the split",
    "leakage": "samples in two splits",
    "group": "groups in two splits",
}
WARNINGS = {
    "extension": "files named as another format",
    "silent": "silent sounds",
    "blank": "images of one colour",
    "transparent": "images shown over a background",
    "unknown": "values that training does not have",
    "cut": "samples cut to the declared length",
    "repeated": "samples that are repeated within a split",
    "column": "columns that are not used",
    "alone": "samples without a group",
}
ALLOWED = (
    "typo", "leakage", "group", "placeholder", "several", "unlabelled", "continuous", "decimal",
    "notation", "format", "tells-label", "damaged",
)  # fmt: skip
_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One problem or warning.

    ``row`` is the line of a CSV or JSONL file, else the row (from 1), or None for the
    table as a whole; ``modality`` is None where no modality is concerned.
    """

    code: str
    text: str
    row: int | None = None
    modality: str | None = None

    @property
    def line(self) -> str:
        """The finding in one line, as messages show it."""
        place = f"row {self.row}" if self.row is not None else ""
        where = ", ".join(part for part in (place, self.modality or "") if part)
        return f"{where}: {self.text}" if where else self.text


class Unfit(Exception):
    """An item that cannot be used: the code and the text of its finding."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def problems(findings: Iterable[Finding], allowed: Sequence[str] = ()) -> list[Finding]:
    """The findings that are problems, without those that the user accepts."""
    return [f for f in findings if f.code in PROBLEMS and f.code not in allowed]


def summary(findings: Sequence[Finding]) -> str:
    """The first findings in one line, and how many more there are."""
    shown = "; ".join(finding.line for finding in findings[:_SHOWN])
    rest = len(findings) - _SHOWN
    return f"{shown}; and {rest} more" if rest > 0 else shown
