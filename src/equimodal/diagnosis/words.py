"""Which word a modality gets, how sure that is, and what is missing where it gets none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equimodal.comparison.rows import UNTRAINED
from equimodal.comparison.words import points
from equimodal.diagnosis import rules
from equimodal.numerics.intervals import Interval


@dataclass(frozen=True)
class Probes:
    """Differences of the linear probes of one modality's encoder; None where a reference is absent.

    Args:
        lost: trained alone minus in the fused model.
        tells: trained alone minus the most frequent class.
        grown: trained alone minus untrained.
        longer: each reference of twice the steps minus the one before it, in order.
    """

    lost: Interval | None = None
    tells: Interval | None = None
    grown: Interval | None = None
    longer: Sequence[Interval] = ()


@dataclass(frozen=True)
class Word:
    """A word of `rules.WORDS`, the probability that it is right, and why there is none.

    ``wants`` says whether a longer reference would settle it.
    """

    word: str
    sure: float | None = None
    why: str = ""
    wants: bool = False


def word_of(probes: Probes, best: float) -> Word:
    """The word of one modality.

    Args:
        probes: of its encoder.
        best: what the modality that tells most tells above chance when it is trained alone.
    """
    lost, tells, grown = probes.lost, probes.tells, probes.grown
    if lost is None or tells is None:
        return _none("it was not trained alone")
    if grown is None:
        return _none("its untrained encoder was not probed")
    if is_below(lost) and lost.mean <= -rules.LOST_FROM:
        return _none(
            f"in the model its encoder is {_told(lost, -1)} points ahead of the one trained alone, "
            "which so is no reference"
        )
    learned = is_above(grown) and is_above(tells)
    if learned and lost.mean >= rules.LOST_FROM and tells.mean >= rules.TELLS_FROM:
        sure = min(lost.above(rules.LOST_FROM), tells.above(0.0), grown.above(0.0))
        return Word(rules.UNDER_TRAINED, sure)
    if probes.longer and is_above(probes.longer[-1]):
        better = _told(probes.longer[-1])
        return _none(f"trained alone for twice as long it is {better} points better", wants=True)
    least = max(rules.TELLS_FROM, rules.WEAK_BELOW * best)
    if tells.mean < least and (learned or tells.mean < rules.TELLS_FROM or not is_above(tells)):
        return _weak(probes, tells, least)
    if not learned:
        what, found = (UNTRAINED, grown) if not is_above(grown) else ("naming one class", tells)
        return _none(
            f"trained alone it is not shown to be above {what} ({_told(found)} points), so that it "
            "is no reference",
            wants=True,
        )
    return Word(rules.WELL_TRAINED, min(1 - lost.above(rules.LOST_FROM), tells.above(least)))


def _weak(probes: Probes, tells: Interval, least: float) -> Word:
    """Little is told: for good, where longer training alone does not tell more."""
    if not probes.longer:
        return _none(
            f"trained alone it tells little ({_told(tells)} points above naming one class), which "
            "may be the length of that training",
            wants=True,
        )
    settled = 1 - probes.longer[-1].above(rules.TELLS_FROM)
    return Word(rules.WEAK, min(1 - tells.above(least), settled))


def is_above(found: Interval) -> bool:
    """Whether the whole interval lies above zero."""
    return found.half is not None and found.mean - found.half > 0


def is_below(found: Interval) -> bool:
    """Whether the whole interval lies below zero."""
    return found.half is not None and found.mean + found.half < 0


def _none(why: str, *, wants: bool = False) -> Word:
    return Word(rules.NO_VERDICT, None, why, wants)


def _told(found: Interval, sign: int = 1) -> str:
    half = found.half
    low, high = (None, None) if half is None else (found.mean - half, found.mean + half)
    if sign < 0:
        low, high = (None, None) if half is None else (-found.mean - half, -found.mean + half)
    return points(sign * found.mean, low, high)
