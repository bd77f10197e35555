"""The rows of a comparison by family: what methods are held against, then what they act on."""

from __future__ import annotations

from collections.abc import Mapping

from equimodal import methods
from equimodal.comparison.rows import JOINT, RATE_FACTORS
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import controls, grouped_rows

REFERENCES, ALONE_STANDING = "references", "controls without their method"

Families = dict[str, dict[str, list[str]]]
"""Family -> row -> the controls that stand under it."""


def families(results: Results) -> Families:
    """Every row once: a control under the first method that it belongs to, where that is a row."""
    groups = grouped_rows(results)
    below = _owners(results, groups)
    found: Families = {REFERENCES: {}}
    for name, rows in groups.items():
        for row in rows:
            if row not in below:
                family = _family(name, row)
                found.setdefault(family, {})[row] = [c for c in below if below[c] == row]
    return {family: rows for family, rows in found.items() if rows}


def _owners(results: Results, groups: Mapping[str, list[str]]) -> dict[str, str]:
    """Control -> the row that it stands under."""
    owners = {row: JOINT for row in groups.get("controls", ()) if row in RATE_FACTORS}
    for row in groups.get("methods", ()):
        for control in controls(results, row):
            if control in groups.get("controls", ()):
                owners.setdefault(control, row)
    rows = {row for members in groups.values() for row in members}
    return {control: row for control, row in owners.items() if row in rows}


def _family(name: str, row: str) -> str:
    """The heading of a row by the group that it is in."""
    if name == "controls":
        return ALONE_STANDING
    if name != "methods":
        return REFERENCES
    return methods.entry(row).family if methods.known(row) else "other"
