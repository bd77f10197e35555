"""Rows held against each other, sample by sample, with the one interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from equimodal.comparison.outcome.judged import Judged
from equimodal.data.target import ACCURACY, main_keys
from equimodal.errors import BalanceError
from equimodal.measures.scoring import CLASSES, SCORES, strata
from equimodal.numerics.blocks import blocks, pseudo_values
from equimodal.numerics.intervals import Units, split_units

Json = dict[str, Any]
Run = Mapping[str, Any]
_Blocks = tuple[Tensor, tuple[Tensor, Tensor]]
Read = Callable[[Run], Judged | None]
"""What a run predicted on its test samples; None where that cannot be read."""


class Differences:
    """The differences of a comparison's rows.

    Args:
        chosen: the runs of each row at its learning rate.
        read: their predictions, each asked for once. A difference of runs without has a mean, and
            no interval.
        kind: what is predicted, one of `scoring.SCORES`.
        main: name of the score that rows are held against each other by.
    """

    def __init__(
        self, chosen: Mapping[str, Sequence[Run]], read: Read, *, kind: str = CLASSES,
        main: str = ACCURACY,
    ) -> None:  # fmt: skip
        self.kind, self.main = kind, main
        finished = {
            row: {run["seed"]: run for run in runs if run["status"] == "finished"}
            for row, runs in chosen.items()
        }
        self._runs = finished
        self._judged = {
            row: {seed: read(run) for seed, run in runs.items()} for row, runs in finished.items()
        }
        self._parts: dict[tuple[int, str], Judged] = {}
        self._pseudo: dict[tuple[str, str | None, int], list[_Blocks]] = {}

    def judged(self) -> Json:
        """The test samples of every seed, and the units that they fall into."""
        every: dict[int, Judged] = {}
        for row in self._judged.values():
            every |= {s: j for s, j in row.items() if j is not None and s not in every}
        return judged_units({seed: every[seed] for seed in sorted(every)}, "test")

    def own(self, row: str) -> Json:
        """``low`` and ``high`` of a row's main score."""
        name, _, _ = main_keys(self.main)
        found = self._interval(row, None, self.main)
        if found is None:
            return {"low": None, "high": None}
        if SCORES[self.kind][self.main].each is None:
            found = centred(found, fmean(run["test"][name] for run in self._runs[row].values()))
        return {"low": found["low"], "high": found["high"]}

    def difference(self, row: str, other: str) -> Json | None:
        """The main score of a row minus that of another one."""
        name, _, _ = main_keys(self.main)
        return self._told(row, other, lambda test: test[name])

    def probe(self, row: str, other: str, modality: str) -> Json | None:
        """The main score of the probe of a modality's encoder in a row minus that in another."""
        _, _, probes = main_keys(self.main)

        def value(test: Mapping[str, Any]) -> float | None:
            return (test[probes] or {}).get(modality)

        return self._told(row, other, value, modality)

    def score(self, row: str, other: str, name: str) -> Json | None:
        """Another score of a row minus that of another one."""
        return self._interval(row, other, name)

    def _told(
        self,
        row: str,
        other: str,
        measured: Callable[[Mapping[str, Any]], float | None],
        modality: str | None = None,
    ) -> Json | None:
        """The interval, or only the mean over the seeds that both finished; None without any."""
        found = self._interval(row, other, self.main, modality)
        if found is not None and SCORES[self.kind][self.main].each is not None:
            return found
        pairs = [
            (measured(self._runs[row][s]["test"]), measured(self._runs[other][s]["test"]))
            for s in self._common(row, other)
        ]
        known = [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]
        if found is not None:
            return centred(found, fmean(known))
        unknown = dict.fromkeys(("low", "high", "samples", "units", "differing"))
        return {"mean": fmean(known), "n": len(known), **unknown} if known else None

    def _interval(
        self, row: str, other: str | None, name: str, modality: str | None = None
    ) -> Json | None:
        """A score of a row, or of the probe of a modality, minus that of another row."""
        pair = self.pair(row, other)
        if pair is None or not pair[0]:
            return None
        if modality and not all(modality in judged.probed for side in pair for judged in side):
            return None
        ours, theirs = pair
        if modality:
            ours, theirs = ([self._having(one, modality) for one in side] for side in pair)
        numbers, _ = unit_numbers(ours)
        if SCORES[self.kind][name].each is None:
            return self._by_blocks(ours, None if other is None else theirs, numbers, name, modality)
        values = [judged.value(name, modality) for judged in ours]
        if other is not None:
            values = [v - r.value(name, modality) for v, r in zip(values, theirs, strict=True)]
        return Units(numbers).interval(values).plain()

    def _having(self, judged: Judged, modality: str) -> Judged:
        """The samples that have a modality, the same object for the same ones."""
        there = judged.present.get(modality)
        if there is None:
            return judged
        return self._parts.setdefault((id(judged), modality), judged.rows(there))

    def _by_blocks(
        self, ours: Sequence[Judged], theirs: Sequence[Judged] | None, numbers: Sequence[Tensor],
        name: str, modality: str | None,
    ) -> Json | None:  # fmt: skip
        """The interval of a score that is no mean over samples, by pseudo-values of blocks."""
        own = blocks(numbers, [strata(judged.labels) for judged in ours])
        values, units = [], []
        try:
            for place, (mine, block) in enumerate(zip(ours, own, strict=True)):
                found, present = self._pseudo_values(name, mine, block, modality)
                if theirs is not None:
                    found = found - self._pseudo_values(name, theirs[place], block, modality)[0]
                values.append(found)
                units.append(present)
        except BalanceError:
            return None
        return Units(units).interval(values).plain()

    def _pseudo_values(
        self, name: str, judged: Judged, own: Tensor, modality: str | None
    ) -> tuple[Tensor, Tensor]:
        """`pseudo_values`, once for the same blocks: every row is held against the same one."""
        made = self._pseudo.setdefault((name, modality, id(judged)), [])
        found = next((values for other, values in made if torch.equal(other, own)), None)
        if found is None:
            score, predicted = SCORES[self.kind][name].kept, judged.predicted(modality)
            assert score is not None
            found = pseudo_values(name, lambda kept: score(predicted, judged.labels, kept), own)
            made.append((own, found))
        return found

    def _common(self, row: str, other: str | None) -> list[int]:
        own = self._runs.get(row, {})
        return sorted(own if other is None else own.keys() & self._runs.get(other, {}).keys())

    def pair(self, row: str, other: str | None) -> tuple[list[Judged], list[Judged]] | None:
        """Predictions of both rows on the same samples of each common seed; None without."""
        seeds = self._common(row, other)
        ours = [self._judged[row][s] for s in seeds]
        theirs = ours if other is None else [self._judged[other][s] for s in seeds]
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a and b and _same(a, b)]
        if not seeds or len(pairs) < len(seeds):
            return None
        return [a for a, _ in pairs], [b for _, b in pairs]


def judged_units(judged: Mapping[int, Judged], split: str) -> Json:
    """The samples of every seed, and the units that they fall into, as plain data."""
    if not judged:
        return {"split": split, "unit": None, "units": None, "seeds": []}
    numbers, unit = unit_numbers(list(judged.values()))
    each = [
        {"seed": seed, "samples": len(own), "units": len(torch.unique(own)), "groups": _groups(one)}
        for (seed, one), own in zip(judged.items(), numbers, strict=True)
    ]
    return {"split": split, "unit": unit, "units": Units(numbers).count, "seeds": each}


def unit_numbers(judged: Sequence[Judged]) -> tuple[list[Tensor], str]:
    """The unit of every sample of each seed, and what they are, see `split_units`."""
    return split_units([own.labels for own in judged], [own.groups for own in judged])


def _same(one: Judged, other: Judged) -> bool:
    return torch.equal(one.labels, other.labels)


def _groups(judged: Judged) -> int | None:
    return None if judged.groups is None else len(torch.unique(judged.groups))


def centred(found: Json, mean: float) -> Json:
    """The interval around the score itself, in place of the mean of its pseudo-values."""
    moved = mean - found["mean"]
    ends = {k: None if found[k] is None else found[k] + moved for k in ("low", "high")}
    return {**found, "mean": mean, **ends}
