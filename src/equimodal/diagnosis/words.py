"""Which word a modality gets, how sure that is, and what is missing where it gets none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equimodal.comparison.rows import UNTRAINED
from equimodal.comparison.words import percent, points
from equimodal.diagnosis import rules
from equimodal.numerics.intervals import Interval


@dataclass(frozen=True)
class Probes:
    """What the linear probes of one modality's encoder say; None where a reference is absent.

    Args:
        lost: trained alone minus in the fused model.
        tells: trained alone minus the most frequent class.
        grown: trained alone minus untrained.
        longer: each reference of twice the steps minus the one before it, in order.
        reached: the longest reference minus the most frequent class.
        fitted: share of the classes' entropy that its training took from the loss of its steps.
        blind: who knows the labels' frequencies alone, in words.
    """

    lost: Interval | None = None
    tells: Interval | None = None
    grown: Interval | None = None
    longer: Sequence[Interval] = ()
    reached: Interval | None = None
    fitted: float | None = None
    blind: str = "naming one class"


@dataclass(frozen=True)
class Word:
    """A word of `rules.WORDS`, the probability that it is right, and why there is none.

    ``wants`` says what would settle it: `rules.REFERENCES`, ``LONGER``, ``EPOCHS``, ``RATES`` or
    ``SEEDS``.
    """

    word: str
    sure: float | None = None
    why: str = ""
    wants: str = ""


def word_of(probes: Probes, best: float) -> Word:
    """The word of one modality, where it is likely enough to be said.

    Args:
        probes: of its encoder.
        best: what the modality that tells most tells above chance when it is trained alone.
    """
    found = _likeliest(probes, best)
    if found.sure is None or found.sure >= rules.SAID_FROM or probes.lost is None:
        return found
    return _none(
        f"it leans to {found.word} ({percent(found.sure, digits=0)} %), and "
        f"{percent(rules.SAID_FROM, digits=0)} % are asked for: {_told(probes.lost)} points lost",
        rules.SEEDS,
    )


def _likeliest(probes: Probes, best: float) -> Word:
    """The word that the means decide, however likely."""
    lost, tells, grown = probes.lost, probes.tells, probes.grown
    if lost is None or tells is None:
        return _none("it was not trained alone", rules.REFERENCES)
    if grown is None:
        return _none("its untrained encoder was not probed", rules.REFERENCES)
    if is_below(lost) and lost.mean <= -rules.LOST_FROM:
        return _none(
            f"in the model its encoder is {_told(lost, -1)} points ahead of the one trained alone, "
            "which so is no reference",
            rules.RATES,
        )
    learned = is_above(grown) and is_above(tells)
    if learned and lost.mean >= rules.LOST_FROM and tells.mean >= rules.TELLS_FROM:
        sure = min(lost.above(rules.LOST_FROM), tells.above(0.0), grown.above(0.0))
        return Word(rules.UNDER_TRAINED, sure)
    if probes.longer and is_above(probes.longer[-1]):
        better, times = _told(probes.longer[-1]), _times(probes)
        return _none(
            f"trained alone for {times} times as long it is {better} points better than for "
            f"{times // 2 if times > 2 else 'once'}",
            _next(probes, rules.EPOCHS),
        )
    least = max(rules.TELLS_FROM, rules.WEAK_BELOW * best)
    if tells.mean < least and (learned or tells.mean < rules.TELLS_FROM or not is_above(tells)):
        return _weak(probes, tells, least)
    if not learned:
        what, found = (UNTRAINED, grown) if not is_above(grown) else (probes.blind, tells)
        return _none(
            f"trained alone it is not shown to be above {what} ({_told(found)} points), so that it "
            "is no reference",
            _next(probes, rules.RATES),
        )
    if probes.fitted is not None and probes.fitted < rules.FITTED_FROM:
        return _none(_unfitted(probes), _next(probes, rules.RATES))
    return Word(rules.WELL_TRAINED, min(1 - lost.above(rules.LOST_FROM), tells.above(least)))


def _weak(probes: Probes, tells: Interval, least: float) -> Word:
    """Little is told: for good, where a longer training alone learns and does not tell more."""
    if not probes.longer or probes.reached is None:
        return _none(
            f"trained alone it tells little ({_told(tells)} points above {probes.blind}), "
            "which may be the length of that training",
            rules.LONGER,
        )
    if probes.fitted is None or probes.fitted < rules.FITTED_FROM:
        return _none(_unfitted(probes), _next(probes, rules.RATES))
    if probes.reached.mean >= least:
        return _none(
            f"trained alone for longer it tells {_told(probes.reached)} points above "
            f"{probes.blind}, for as long as the model {_told(tells)}",
            rules.EPOCHS,
        )
    settled = 1 - probes.longer[-1].above(rules.TELLS_FROM)
    return Word(rules.WEAK, min(1 - probes.reached.above(least), settled))


def _unfitted(probes: Probes) -> str:
    """Why a reference that did not even learn its training data says nothing."""
    share = "an unknown part" if probes.fitted is None else f"{percent(probes.fitted)} %"
    length = f" for {_times(probes)} times as long" if probes.longer else ""
    return (
        f"trained alone{length} it took {share} off the loss on its own training data, so that it "
        "may be the training that tells nothing"
    )


def _times(probes: Probes) -> int:
    """How many times the steps of the model the longest reference took."""
    return int(2 ** len(probes.longer))


def _next(probes: Probes, otherwise: str) -> str:
    """A longer reference while there is one to train."""
    return rules.LONGER if _times(probes) < rules.LONGEST else otherwise


def is_above(found: Interval) -> bool:
    """Whether the whole interval lies above zero."""
    return found.half is not None and found.mean - found.half > 0


def is_below(found: Interval) -> bool:
    """Whether the whole interval lies below zero."""
    return found.half is not None and found.mean + found.half < 0


def _none(why: str, wants: str) -> Word:
    return Word(rules.NO_VERDICT, None, why, wants)


def _told(found: Interval, sign: int = 1) -> str:
    half = found.half
    low, high = (None, None) if half is None else (found.mean - half, found.mean + half)
    if sign < 0:
        low, high = (None, None) if half is None else (-found.mean - half, -found.mean + half)
    return points(sign * found.mean, low, high)
