"""Curves of every row over the levels of a corruption, and what they come to, with the one
interval."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

import torch
from torch import Tensor

from equimodal.comparison.outcome.differences import Differences, centred, unit_numbers
from equimodal.comparison.outcome.judged import Judged
from equimodal.comparison.rows import JOINT
from equimodal.errors import BalanceError
from equimodal.measures.robustness import KINDS, effective_weights, relative_weights
from equimodal.measures.scoring import SCORES, as_logits, strata
from equimodal.numerics.blocks import blocks, pseudo_values
from equimodal.numerics.intervals import Units

Json = dict[str, Any]
Place = tuple[str, str]
"""A kind of corruption, and a modality."""


class _Parts(NamedTuple):
    """The units of an interval, and by seed where each sample belongs: its unit, or its block of a
    score that is no mean over samples."""

    units: Units
    places: Sequence[Tensor]


class Robustness:
    """What `measures.robustness` defines, of the rows of a comparison.

    Args:
        differences: of the same rows.
        modalities: of the data. A row that does not read one has a level curve.
    """

    def __init__(self, differences: Differences, modalities: Sequence[str]) -> None:
        self._of, self._modalities = differences, modalities
        self._score = SCORES[differences.kind][differences.main]
        self._parts: dict[tuple[int, ...], _Parts] = {}
        self._found: dict[tuple[int, int, Place], tuple[Tensor | None, Tensor]] = {}
        self._clean: dict[tuple[int, int], tuple[Tensor | None, float]] = {}

    def summary(self, row: str) -> Json:
        """``robustness`` of a row, see docs/results-schema.md; nothing where its runs kept none."""
        levels = self._levels(row)
        if levels is None:
            return {}
        curves = {
            kind: {m: self._curve(row, levels, (kind, m)) for m in self._modalities}
            for kind in KINDS
        }
        return {"robustness": {"levels": list(levels), "curves": curves}}

    def _levels(self, row: str) -> tuple[float, ...] | None:
        """Those of all its runs; None where some kept none, or others."""
        pair = self._of.pair(row, None)
        every = [own.stressed for own in pair[0]] if pair else []
        found = {None if own is None else own.levels for own in every}
        return found.pop() if len(found) == 1 else None

    def _curve(self, row: str, levels: tuple[float, ...], place: Place) -> Json:
        each = torch.eye(len(levels), dtype=torch.float64)
        scores = [self._interval(row, None, place, one) for one in each]
        relative, effective = relative_weights(levels), effective_weights(levels)

        def to_joint(weights: Tensor) -> Json | None:
            held = row != JOINT and self._levels(JOINT) == levels
            return self._interval(row, JOINT, place, weights) if held else None

        return {
            "scores": [one and {k: one[k] for k in ("mean", "low", "high")} for one in scores],
            "relative": self._interval(row, None, place, relative),
            "relative_difference_to_joint": to_joint(relative),
            "effective": to_joint(effective),
        }

    def _interval(self, row: str, other: str | None, place: Place, weights: Tensor) -> Json | None:
        """A weighted sum of the scores at the levels, or how far it is above another row's."""
        pair = self._of.pair(row, other)
        if pair is None:
            return None
        units, own = self._parts_of(pair[0])
        values, means = [], []
        for ours, theirs, block in zip(*pair, own, strict=True):
            each, whole = self._at_levels(ours, block, place)
            if other is not None:
                against, of_them = self._at_levels(theirs, block, place)
                each = None if each is None or against is None else each - against
                whole = whole - of_them
            values.append(None if each is None else weights @ each)
            means.append(float(weights @ whole))
        known = [one for one in values if one is not None]
        if len(known) < len(values):
            unknown = dict.fromkeys(("low", "high", "samples", "units", "differing"))
            return {"mean": fmean(means), "n": len(means), **unknown}
        return centred(units.interval(known).plain(), fmean(means))

    def _parts_of(self, judged: Sequence[Judged]) -> _Parts:
        """Of the runs of a row; those of rows on the same samples are one."""
        key = tuple(map(id, judged))
        if key not in self._parts:
            self._parts[key] = self._parted(judged)
        return self._parts[key]

    def _parted(self, judged: Sequence[Judged]) -> _Parts:
        made, _ = unit_numbers(judged)
        if self._score.each is None:
            made = blocks(made, [strata(one.labels) for one in judged])
        for known in self._parts.values():
            if len(known.places) == len(made) and all(map(torch.equal, known.places, made)):
                return known
        if self._score.each is not None:
            return _Parts(Units(made), made)
        return _Parts(Units([torch.unique(one) for one in made]), made)

    def _at_levels(
        self, judged: Judged, block: Tensor, place: Place
    ) -> tuple[Tensor | None, Tensor]:
        """The score at each level, by samples or blocks, where it has such values, and in all.
        -> (L, U), (L,)"""
        key = (id(judged), id(block), place)
        if key not in self._found:
            found = [self._scored(judged, block, logits) for logits in _predicted(judged, place)]
            each = [own for own, _ in found if own is not None]
            stacked = torch.stack(each) if len(each) == len(found) else None
            whole = torch.tensor([value for _, value in found], dtype=torch.float64)
            self._found[key] = stacked, whole
        return self._found[key]

    def _scored(self, judged: Judged, block: Tensor, logits: Tensor) -> tuple[Tensor | None, float]:
        """The score of some logits, by samples or blocks and in all; once for the clean ones."""
        key = (id(judged), id(block))
        if logits is judged.logits and key in self._clean:
            return self._clean[key]
        found = self._by_units(logits, judged.labels, block)
        scored = found, self._score.value(logits, judged.labels)
        if logits is judged.logits:
            self._clean[key] = scored
        return scored

    def _by_units(self, logits: Tensor, labels: Tensor, block: Tensor) -> Tensor | None:
        """The score of each sample, or its pseudo-value of each block; None without. -> (U,)"""
        each, kept = self._score.each, self._score.kept
        if each is not None:
            return each(logits, labels).double()
        assert kept is not None
        try:
            return pseudo_values(self._of.main, lambda part: kept(logits, labels, part), block)[0]
        except BalanceError:
            return None


def _predicted(judged: Judged, place: Place) -> list[Tensor]:
    """Logits at every level; those of the clean samples where the model lacks the modality."""
    assert judged.stressed is not None
    kind, modality = place
    found = judged.stressed.predicted[kind].get(modality)
    if found is None:
        return [judged.logits] * len(judged.stressed.levels)
    return [judged.logits, *(as_logits(one, judged.logits) for one in found[1:])]
