"""A method against its controls: the rows that lack only a part of it."""

from __future__ import annotations

from collections.abc import Iterator

from equimodal import methods
from equimodal.comparison.outcome import telling
from equimodal.comparison.words import listing
from equimodal.methods.entry import MISSING
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import Difference, controls, ordered_rows, with_interval


def further(results: Results) -> dict[tuple[str, str], Difference]:
    """(Row, control) -> difference, for every control after the first of its row."""
    return {
        (row, control): difference
        for row in ordered_rows(results)
        for control, difference in list(controls(results, row).items())[1:]
        if difference is not None
    }


def further_lines(results: Results, *, all_of_them: bool = False) -> Iterator[str]:
    """Lines such as "amss against amss-scale: +0.4 [-1.1, +1.8]" for each of `further`.

    With ``all_of_them`` also for the first control of a row that has further ones.
    """
    several = further(results)
    for row in dict.fromkeys(row for row, _ in several):
        for control, difference in controls(results, row).items():
            if difference and (all_of_them or (row, control) in several):
                yield f"{row} against {control}: {with_interval(difference)}"


def absent(results: Results) -> str:
    """A sentence on the controls that are no rows of the comparison; empty where all are."""
    missing: dict[str, list[str]] = {}
    for row in ordered_rows(results):
        for control in controls(results, row):
            if control not in results["summary"]:
                missing.setdefault(control, []).append(row)
    told = [f"{control} (of {listing(rows)})" for control, rows in missing.items()]
    return f"controls that were not trained: {listing(told)}" if told else ""


def left_out(results: Results) -> list[str]:
    """The rows that nobody named and that have no meaning for the task, with the reason; and what
    fits samples that lack modalities, where it is no row."""
    by_reason: dict[str, list[str]] = {}
    for row, why in results["config"].get("left_out", {}).items():
        by_reason.setdefault(why.rstrip("."), []).append(row)
    told = [f"left out: {listing(rows)} ({why})" for why, rows in by_reason.items()]
    if not any(entry.get("missing") for entry in results["data"]["modalities"].values()):
        return told
    absent = [
        f"some samples lack modalities: {row} {why}; it is no row here, name it with --methods"
        for row, why in methods.fitting(MISSING)
        if row not in results["summary"]
    ]
    return told + absent


def certainty(results: Results) -> list[str]:
    """What the intervals rest on, and the smallest difference that the table could have shown."""
    held = {row: entry.get("difference_to_joint") for row, entry in results["summary"].items()}
    judged = results.get("judged")
    rests = telling.certainty(judged) if judged else []
    return [*rests, *filter(None, [telling.smallest_told(held)])]
