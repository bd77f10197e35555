"""Every number and interval of the field's pages, from what is kept alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Any, NamedTuple

import torch
from scipy.stats import rankdata, studentized_range

from equimodal.comparison.rows import ALONE, JOINT, UNTRAINED, alone_row
from equimodal.comparison.words import ABSENT, points
from equimodal.numerics.intervals import Interval, Units
from equimodal.numerics.spreads import mean_and_sd
from fieldwork.kept import Bits, Kept

LEVEL, MOST_NAMED = 0.05, 10
"""Of Holm's correction and the critical difference; rows that the latter is shown for at most."""


class Difference(NamedTuple):
    """Row minus reference: unadjusted interval, two-sided p, and whether Holm's correction over
    the rows of its table leaves it standing."""

    mean: float
    low: float
    high: float
    p: float
    stands: bool = False

    @property
    def words(self) -> str:
        """In points, with the interval."""
        return points(self.mean, self.low, self.high)


def starred(difference: Difference | None) -> str:
    """A difference as a table has it: with a star where it stands."""
    if difference is None:
        return ABSENT
    return f"{difference.words} \\*" if difference.stands else difference.words


@dataclass(frozen=True)
class SetNumbers:
    """The numbers of one set.

    Args:
        kept: its outcomes.
    """

    kept: Kept

    @property
    def compared(self) -> list[str]:
        """Labels that are held against joint training: all but it, what is not trained, and what
        trains one modality."""
        apart = (JOINT, UNTRAINED)
        return [
            name for name, record in self.kept.rows.items()
            if name not in apart and not record["row"].startswith(ALONE)
        ]  # fmt: skip

    def accuracy(self, name: str) -> dict[str, float | None]:
        """Mean and sd over the finished seeds."""
        found = self.kept.outcomes[name].values()
        return mean_and_sd([float(outcome.fused.mean()) for outcome in found])

    def probe(self, name: str, modality: str) -> float | None:
        """Mean accuracy of the linear probe of a modality's encoder."""
        found = [o.probed[modality] for o in self.kept.outcomes[name].values()
                 if modality in o.probed]  # fmt: skip
        return fmean(float(bits.mean()) for bits in found) if found else None

    def to_joint(self) -> dict[str, Difference]:
        """Every compared row minus joint training, Holm's correction over all of them."""
        return self._corrected({name: (name, JOINT) for name in self.compared})

    def to_controls(self) -> dict[tuple[str, str], Difference]:
        """Every row minus each of its controls of the same length, corrected over all pairs."""
        pairs = {}
        for name, record in self.kept.rows.items():
            for control in record["controls"]:
                same = [n for n, r in self.kept.rows.items()
                        if r["row"] == control and r["times"] == record["times"]]  # fmt: skip
                pairs |= {(name, n): (name, n) for n in same}
        return self._corrected(pairs)

    def probe_to_alone(self, name: str, modality: str) -> Difference | None:
        """The probe of an encoder minus that of the same encoder trained alone."""
        return self.difference(name, alone_row(modality), modality)

    def difference(self, name: str, other: str, modality: str | None = None) -> Difference | None:
        """One row minus another on the seeds that both finished; None without any."""
        ours, theirs = (self.kept.outcomes.get(n, {}) for n in (name, other))

        def bits(seed: int, of: Mapping[int, Any]) -> Bits | None:
            fused: Bits = of[seed].fused
            return fused if modality is None else of[seed].probed.get(modality)

        pairs = [(s, bits(s, ours), bits(s, theirs)) for s in sorted(ours.keys() & theirs.keys())]
        known = [(s, a, b) for s, a, b in pairs if a is not None and b is not None]
        if not known or name == other:
            return None
        units = Units([torch.as_tensor(self.kept.units[s]) for s, _, _ in known])
        values = [torch.as_tensor(a.astype(float) - b.astype(float)) for _, a, b in known]
        return _told(units.interval(values))

    def updates(self, name: str) -> float:
        """Mean updates of a final run, with those of the trainings that it learns from."""
        return _mean(self._runs(name), "steps") + self._before(name, "steps")

    def seconds(self, name: str) -> float:
        """The same of seconds."""
        return _mean(self._runs(name), "seconds") + self._before(name, "seconds")

    def passes(self, name: str) -> float:
        """Mean passes over the training data, of the row itself."""
        return _mean(self._runs(name), "passes")

    def _runs(self, name: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.kept.rows[name]["runs"]
        return found

    def _before(self, name: str, key: str) -> float:
        return fmean(run.get("teachers", {}).get(key, 0) for run in self._runs(name))

    def _corrected(self, pairs: Mapping[Any, tuple[str, str]]) -> dict[Any, Difference]:
        found = {key: self.difference(*pair) for key, pair in pairs.items()}
        known = {key: difference for key, difference in found.items() if difference}
        standing = holm({key: difference.p for key, difference in known.items()})
        return {key: d._replace(stands=key in standing) for key, d in known.items()}


def holm(values: Mapping[Any, float], level: float = LEVEL) -> set[Any]:
    """The keys of the p values that Holm's step-down procedure rejects at a level."""
    standing = set()
    for place, key in enumerate(sorted(values, key=values.__getitem__)):
        if values[key] > level / (len(values) - place):
            break
        standing.add(key)
    return standing


class Rank(NamedTuple):
    """A row's mean rank over sources, 1 for the best, and its least and largest over sets."""

    mean: float
    low: float
    high: float


def ranks(sets: Iterable[SetNumbers], rows: Sequence[str] | None = None) -> dict[str, Rank]:
    """Ranks by mean accuracy of the rows that every set has, or of some of them; sets of one
    source count once, by their mean."""
    numbers = list(sets)
    common = set.intersection(*(set(one.compared) | {JOINT} for one in numbers))
    common = {n for n in common if all(one.accuracy(n)["mean"] is not None for one in numbers)}
    names = [name for one in numbers[:1] for name in one.kept.rows
             if name in common and (rows is None or name in rows)]  # fmt: skip
    by_source: dict[str, list[dict[str, float]]] = {}
    for one in numbers:
        scores = [-(one.accuracy(name)["mean"] or 0.0) for name in names]
        own = dict(zip(names, map(float, rankdata(scores)), strict=True))
        by_source.setdefault(one.kept.about["source"], []).append(own)
    every = [own for of_source in by_source.values() for own in of_source]
    return {
        name: Rank(
            fmean(fmean(own[name] for own in of_source) for of_source in by_source.values()),
            min(own[name] for own in every), max(own[name] for own in every),
        )
        for name in names
    }  # fmt: skip


def critical_difference(rows: int, sources: int) -> float | None:
    """Nemenyi's difference of mean ranks at 5 %; None for more than ten rows or a single source."""
    if not 2 <= rows <= MOST_NAMED or sources < 2:
        return None
    reach = float(studentized_range.ppf(1 - LEVEL, rows, 1e6)) / sqrt(2)
    return reach * sqrt(rows * (rows + 1) / (6 * sources))


def _told(interval: Interval) -> Difference:
    half = interval.half or 0.0
    above = interval.above(0.0)
    return Difference(
        interval.mean, interval.mean - half, interval.mean + half, 2 * min(above, 1 - above)
    )


def _mean(runs: Sequence[Mapping[str, Any]], key: str) -> float:
    return fmean([run[key] for run in runs if run.get(key) is not None] or [0.0])
