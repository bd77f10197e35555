"""Which row is best, and which it is not shown to be better than.

A row is chosen by validation alone: a row chosen by test would look better there than it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

from equimodal.comparison.rows import ALONE, UNTRAINED
from equimodal.comparison.words import percent, some
from equimodal.data.target import ACCURACY
from equimodal.numerics.enough import ENOUGH_SEEDS
from equimodal.report.read.reading import Results
from equimodal.report.read.rows import (
    Difference,
    accuracy,
    finite,
    group,
    main_words,
    ordered_rows,
    rows_in,
    runs_of,
    stored,
    with_interval,
)

MOST_SHOWN = 5
Held = Mapping[str, Difference]
"""Row -> the best row's main score on test minus that of this one."""


def validated(results: Results, row: str) -> float | None:
    """The main score of a row on validation, mean over its seeds; None unless all finished."""
    key, runs = stored(results, ACCURACY), runs_of(results, row)
    found = [finite((run.get("validation") or {}).get(key)) for run in runs]
    values = [value for value in found if value is not None]
    return fmean(values) if values and len(values) == len(results["config"]["seeds"]) else None


def by_validation(results: Results, *groups: str) -> list[str]:
    """The rows of some groups whose every seed finished, the best on validation first."""
    known = {row: validated(results, row) for row in rows_in(results, groups)}
    values = {row: value for row, value in known.items() if value is not None}
    return sorted(values, key=lambda row: -values[row])


def best_row(results: Results) -> str | None:
    """The method or baseline that does best on validation; None where none finished."""
    return next(iter(by_validation(results, "baselines", "methods")), None)


def shown_first(results: Results) -> list[str]:
    """The rows that charts show before a reader chooses: what methods are held against, and the
    five methods that do best on validation."""
    best = by_validation(results, "methods")[:MOST_SHOWN]
    return [
        row
        for row in ordered_rows(results)
        if group(results, row) in ("floor", "alone", "baselines") or row in best
    ]


def rivals(results: Results) -> list[str]:
    """The rows that the best one is held against: all but the floor and itself."""
    best = best_row(results)
    return [row for row in ordered_rows(results) if row not in (UNTRAINED, best)]


def standing(results: Results, held: Held) -> Iterator[str]:
    """The best row in a sentence, then what it is and is not shown to be better than."""
    best = best_row(results)
    if best is None:
        return
    own = accuracy(results, best)
    yield (
        f"Best: {best}, {with_interval(own, percent)} % {main_words(results)} on test, chosen by "
        "validation"
    )
    yield from _held(results, held)


def _held(results: Results, held: Held) -> Iterator[str]:
    known = {row: found for row, found in held.items() if found.low is not None}
    if not known:
        yield "Without the predictions of the runs it is held against no other row"
        return
    if max(found.n for found in known.values()) < ENOUGH_SEEDS:
        yield f"Not shown better than any row: that takes {ENOUGH_SEEDS} seeds"
        return
    open_ = [row for row, found in known.items() if found.shown < 1]
    ahead = [row for row in open_ if known[row].shown < 0]
    beaten = [row for row in known if row not in open_]
    nearest = sorted(open_, key=lambda row: known[row].mean)
    if nearest:
        yield f"Not shown better than {some(nearest)}"
    if ahead:
        yield f"Shown to be below {some(ahead)}"
    if beaten:
        every = "every row" if not open_ else _counted(beaten)
        yield f"Shown better than {every}"


def _counted(rows: list[str]) -> str:
    """Few by name, many by their number."""
    alone = [row for row in rows if row.startswith(ALONE)]
    if len(rows) <= 3:
        return some(rows)
    told = f" ({some(alone, 3)} among them)" if alone and len(alone) < len(rows) else ""
    return f"{len(rows)} rows{told}"
