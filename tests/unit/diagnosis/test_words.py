"""Which word follows from which differences of probes, and when there is none."""

import pytest

from equimodal.diagnosis.rules import (
    EPOCHS,
    LONGER,
    NO_VERDICT,
    RATES,
    REFERENCES,
    SEEDS,
    UNDER_TRAINED,
    WEAK,
    WELL_TRAINED,
)
from equimodal.diagnosis.words import Probes, is_above, is_below, word_of
from equimodal.numerics.intervals import Interval


def about(mean, half=0.02):
    """An interval of one seed of 401 samples with this half width."""
    return Interval(mean, 0.0, (half / 1.9659) ** 2, 1, 401, 401, 100)


def word(fused, alone, *, untrained=0.3, chance=0.1, best=0.76, longer=(), half=0.02, fitted=0.8):
    return word_of(
        Probes(
            lost=about(alone - fused, half),
            tells=about(alone - chance, half),
            grown=about(alone - untrained, half),
            longer=[about(step, half) for step in longer],
            reached=about(alone + sum(longer) - chance, half),
            fitted=fitted,
        ),
        best,
    )


@pytest.mark.parametrize(
    ("fused", "alone", "longer", "expected"),
    [
        (0.74, 0.94, (), UNDER_TRAINED),
        (0.92, 0.94, (), WELL_TRAINED),
        (0.96, 0.94, (), WELL_TRAINED),
        (0.40, 0.41, (0.0,), WEAK),
        (0.40, 0.41, (), NO_VERDICT),
        (0.30, 0.41, (), UNDER_TRAINED),
        (0.40, 0.41, (0.09,), NO_VERDICT),
        (0.40, 0.41, (0.05, 0.0), WEAK),
        (0.40, 0.41, (0.09, 0.0), NO_VERDICT),
        (0.92, 0.94, (0.05,), NO_VERDICT),
        (0.74, 0.94, (0.05,), UNDER_TRAINED),
    ],
)
def test_each_modality_gets_the_word_that_its_probes_call_for(fused, alone, longer, expected):
    assert word(fused, alone, longer=longer, half=0.01).word == expected


@pytest.mark.parametrize("longer", [(), (0.01,)])
def test_a_dead_modality_is_weak_once_longer_training_alone_says_so(longer):
    found = word(0.10, 0.11, untrained=0.11, longer=longer)
    assert found.word == (WEAK if longer else NO_VERDICT)
    assert found.wants == ("" if longer else LONGER)


@pytest.mark.parametrize("fitted", [None, 0.02])
def test_a_reference_that_did_not_learn_its_training_data_leaves_no_word(fitted):
    """A wrong rate looks like a dead modality: neither tells more after twice the steps."""
    dead = word(0.10, 0.11, untrained=0.11, longer=(0.0, 0.0), fitted=fitted)
    assert (dead.word, dead.wants) == (NO_VERDICT, RATES)
    assert "off the loss on its own training data" in dead.why
    once = word(0.10, 0.11, untrained=0.11, longer=(0.0,), fitted=fitted)
    assert (once.word, once.wants) == (NO_VERDICT, LONGER)
    well = word(0.92, 0.94, fitted=fitted, half=0.01)
    assert well.word == (WELL_TRAINED if fitted is None else NO_VERDICT)


def test_a_word_is_said_where_it_is_likely_enough():
    found = word(0.92, 0.94, half=0.015)
    assert found.word == WELL_TRAINED
    assert found.sure == pytest.approx(0.905, abs=0.001)
    less = word(0.92, 0.94, half=0.02)
    assert (less.word, less.sure, less.wants) == (NO_VERDICT, None, SEEDS)
    assert less.why == (
        "it leans to well trained (84 %), and 90 % are asked for: +2.0 [0.0, +4.0] points lost"
    )


def test_what_is_missing_is_named_by_what_would_settle_it():
    better = word(0.40, 0.41, longer=(0.09,))
    assert better.wants == LONGER
    assert better.why == (
        "trained alone for 2 times as long it is +9.0 [+7.0, +11.0] points better than for once"
    )
    assert word(0.40, 0.41, longer=(0.09, 0.09)).wants == EPOCHS
    assert word(0.40, 0.41, longer=(0.09, 0.0)).wants == EPOCHS
    assert word(0.96, 0.90).wants == RATES
    assert word_of(Probes(), 0.5).wants == REFERENCES


def test_a_reference_below_the_untrained_encoder_gives_no_word():
    """compare --epochs 2 --seeds 1: sound alone 53.5, untrained 55.0, and `well trained`."""
    found = word(0.54, 0.535, untrained=0.55)
    assert (found.word, found.sure) == (NO_VERDICT, None)
    assert found.why.startswith("trained alone it is not shown to be above untrained (-1.5 [-3.5")
    assert found.wants == LONGER


def test_a_reference_far_below_the_fused_encoder_gives_no_word():
    """The model whose text lost -14.5 [-18.7, -10.3] to its own reference: `weak by itself`."""
    found = word(0.53, 0.385, half=0.042, best=0.5)
    assert found.word == NO_VERDICT
    assert found.why == (
        "in the model its encoder is +14.5 [+10.3, +18.7] points ahead of the one trained alone, "
        "which so is no reference"
    )


def test_a_loss_that_is_not_shown_by_the_reference_is_no_word_for_weakness():
    assert word(0.05, 0.115, untrained=0.05, half=0.05).word == NO_VERDICT


@pytest.mark.parametrize(
    ("probes", "why"),
    [
        (Probes(), "it was not trained alone"),
        (Probes(lost=about(0.2), tells=about(0.5)), "its untrained encoder was not probed"),
    ],
)
def test_missing_references_are_said(probes, why):
    assert word_of(probes, 0.5).why == why


def test_sure_is_the_probability_of_the_rules_side_of_its_threshold():
    # Half a loss of three points is on either side.
    assert "(50 %)" in word(0.91, 0.94).why
    assert word(0.74, 0.94).sure > 0.999
    # 5 points of loss, 2 above the threshold, which is the half width: 97.5 %.
    assert word(0.89, 0.94).sure == pytest.approx(0.975, abs=1e-4)
    assert word(0.93, 0.94).sure == pytest.approx(0.975, abs=1e-4)


def test_an_interval_without_units_is_on_no_side():
    single = Interval(0.5, 0.0, 0.0, 1, 3, 1, 1)
    assert not is_above(single) and not is_below(single)
