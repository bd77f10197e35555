"""The rows of a comparison: their order, their groups, and what their runs measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from equimodal import methods
from equimodal.comparison.rows import ALONE, ENSEMBLE, JOINT, RATE_FACTORS, UNIMODAL, UNTRAINED
from equimodal.comparison.scores import WORDS, main_of
from equimodal.comparison.words import ABSENT, points
from equimodal.data.target import ACCURACY, main_keys
from equimodal.numerics.enough import ENOUGH_SEEDS, ENOUGH_UNITS
from equimodal.report.read.reading import Results, Run

GROUPS = ("floor", "alone", "baselines", "controls", "methods")
BASELINES = (ENSEMBLE, JOINT, UNIMODAL)


def modalities(results: Results) -> list[str]:
    """Names of the modalities, in the order of the data set."""
    return list(results["data"]["modalities"])


def group(results: Results, row: str) -> str:
    """The group of a row: one of `GROUPS`."""
    if row == UNTRAINED:
        return "floor"
    if row.startswith(ALONE):
        return "alone"
    if row in BASELINES:
        return "baselines"
    return "controls" if _isolates(results, row) else "methods"


def _isolates(results: Results, row: str) -> bool:
    """Whether a row only serves others: a method's control, or joint at another rate."""
    if methods.known(row):
        return methods.entry(row).is_control
    return row in RATE_FACTORS or any(row in controls(results, r) for r in results["summary"])


def grouped_rows(results: Results) -> dict[str, list[str]]:
    """Rows by group, in the plan's order; groups without a row are left out."""
    rows = dict.fromkeys([*results["config"]["methods"], *results["summary"]])
    by_group: dict[str, list[str]] = {name: [] for name in GROUPS}
    for row in rows:
        by_group[group(results, row)].append(row)
    return {name: members for name, members in by_group.items() if members}


def ordered_rows(results: Results) -> list[str]:
    """All rows, group after group."""
    return [row for rows in grouped_rows(results).values() for row in rows]


def rows_in(results: Results, groups: Sequence[str]) -> list[str]:
    """The rows of some groups, in order."""
    return [row for row in ordered_rows(results) if group(results, row) in groups]


def runs_of(results: Results, row: str) -> list[Run]:
    """The runs that stand behind a row: its own, at the learning rate that was selected."""
    runs = [run for run in results["runs"] if run["method"] == row]
    selected = results["summary"].get(row, {}).get("lr")
    return [run for run in runs if run.get("lr") == selected] or runs


def note(results: Results, row: str) -> str:
    """What a reader must know about a row: "did not act", "diverged in 1 of 3", "failed"."""
    entry = results["summary"].get(row)
    if entry is not None:
        return entry.get("note") or ""
    states = sorted({run["status"] for run in results["runs"] if run["method"] == row})
    return ", ".join(states) or "not run"


def finite(value: Any) -> float | None:
    """``value`` as a float, or None when it is absent or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def main_name(results: Results) -> str:
    """Name of the score that rows are held against each other by: accuracy for classes."""
    return main_of(results["data"])


def main_words(results: Results) -> str:
    """How tables name the main score."""
    return WORDS[main_name(results)]


def stored(results: Results, measure: str) -> str:
    """Where results hold what is the accuracy of classes, in all or by modality."""
    return dict(zip(main_keys(ACCURACY), main_keys(main_name(results)), strict=True)).get(
        measure, measure
    )


def measured(run: Run, measure: str, modality: str | None = None) -> float | None:
    """One test measure of a run, or None, by its name in the results."""
    value = (run.get("test") or {}).get(measure)
    return finite((value or {}).get(modality) if modality else value)


def by_seed(
    results: Results, row: str, measure: str, modality: str | None = None
) -> dict[int, float]:
    """A test measure of every finished run of a row: seed -> value.

    ``measure`` is named as for classes, accuracy or probe_accuracy of a modality.
    """
    measure = stored(results, measure)

    def pairs() -> Iterator[tuple[int, float]]:
        for run in runs_of(results, row):
            value = measured(run, measure, modality)
            if run["status"] == "finished" and value is not None:
                yield run["seed"], value

    return dict(pairs())


@dataclass(frozen=True)
class Difference:
    """A mean with its 95 % interval over ``n`` seeds; without one where that is not known.

    ``differing`` counts the units on which two rows differ; None where nothing is compared.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    differing: int | None = None

    @property
    def sign(self) -> int:
        """1 when the whole interval lies above zero, -1 below, 0 otherwise."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)

    @property
    def enough(self) -> bool:
        """Whether there are seeds and units for a sentence on training in general."""
        return self.low is not None and self.n >= ENOUGH_SEEDS and self.some_differ

    @property
    def some_differ(self) -> bool:
        """Whether the rows differ on enough units."""
        return (self.differing or 0) >= ENOUGH_UNITS

    @property
    def shown(self) -> int:
        """`sign`, where a sentence on training in general may say it; 0 otherwise."""
        return self.sign if self.enough else 0


def with_interval(found: Difference | None, written: Callable[..., str] = points) -> str:
    """A mean with its interval as `points` or `percent` writes them; "-" where there is none."""
    return ABSENT if found is None else written(found.mean, found.low, found.high)


def paired_by_seed(
    results: Results, row: str, other: str, measure: str, modality: str | None = None
) -> dict[int, float]:
    """``row`` minus ``other`` for every seed that both finished."""
    ours = by_seed(results, row, measure, modality)
    theirs = by_seed(results, other, measure, modality)
    return {seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}


def reported(results: Results, row: str, key: str, name: str | None = None) -> Difference | None:
    """A difference that the summary holds, such as difference_to_joint, or of one name there."""
    found = results["summary"].get(row, {}).get(key) or {}
    return difference_of(found if name is None else found.get(name))


def accuracy(results: Results, row: str) -> Difference | None:
    """A row's accuracy, or other main score, with its interval."""
    entry = results["summary"].get(row, {})
    own = entry.get(stored(results, ACCURACY)) or {}
    return difference_of({"n": entry.get("n", 0), **own})


def difference_of(found: Mapping[str, Any] | None) -> Difference | None:
    """A difference as results.json holds it; None where there is none."""
    mean = finite((found or {}).get("mean"))
    if found is None or mean is None:
        return None
    low, high = finite(found.get("low")), finite(found.get("high"))
    return Difference(mean, low, high, found.get("n") or 0, found.get("differing"))


def turned_round(found: Difference) -> Difference:
    """The difference seen from the other row."""
    low, high = (None if end is None else -end for end in (found.high, found.low))
    return replace(found, mean=-found.mean, low=low, high=high)


def spread(
    results: Results, row: str, measure: str, modality: str | None = None
) -> tuple[float | None, float | None]:
    """Mean and standard deviation that the summary holds for a measure, see `by_seed`."""
    found = results["summary"].get(row, {}).get(stored(results, measure)) or {}
    if modality is not None:
        found = found.get(modality) or {}
    return finite(found.get("mean")), finite(found.get("sd"))


def controls(results: Results, row: str) -> dict[str, Difference | None]:
    """Control -> accuracy of the row minus that of the control, the main control first.

    None where nothing can be said. Results of before a method could have several name one.
    """
    entry = results["summary"].get(row, {})
    found = entry.get("controls")
    if isinstance(found, Mapping):
        return {name: difference_of(value) for name, value in found.items()}
    first = entry.get("control")
    return {first: difference_of(entry.get("difference_to_control"))} if first else {}
