"""The words of a verdict and the rules behind them. They are ours; docs/diagnosis.md says why.

The words on a modality come from accuracies of linear probes, so that no fused head has a say: of
the encoder in the fused model, trained alone, and untrained.
"""

from __future__ import annotations

UNDER_TRAINED = "under-trained"
WEAK = "weak by itself"
WELL_TRAINED = "well trained"
NO_VERDICT = "no verdict"
WORDS = (UNDER_TRAINED, WEAK, WELL_TRAINED, NO_VERDICT)

LEARNED_NOTHING = "learned nothing"
BEHIND = "fusion behind"
BALANCED = "balanced: nothing to mend"
STATES = (LEARNED_NOTHING, UNDER_TRAINED, NO_VERDICT, BEHIND, BALANCED)

LOST_FROM = 0.03
"""Accuracy that an encoder must have lost to its own training alone, to be under-trained; and by
which it must be ahead of that, for its training alone to be no reference."""
TELLS_FROM = 0.03
"""Accuracy above chance from which a modality trained alone, or a model, tells something."""
WEAK_BELOW = 0.5
"""Share of the best modality's accuracy above chance, below which one is weak by itself."""
LONGEST = 4
"""How many times the steps of the model a reference takes at most, by doubling."""
FITTED_FROM = 0.1
"""Share of the classes' entropy that a training alone must take from the loss on its own training
data, to have learned at all: noise is learned by heart too."""
BEHIND_FROM = 0.03
"""Lead of an alternative below which a model without one that is shown is called balanced."""
SAID_FROM = 0.9
"""Probability that a word is right from which it is said; below, the samples and seeds are few."""
SURE_FROM = 0.95
"""Probability that a word is right from which it is called sure."""

REFERENCES, LONGER, EPOCHS, RATES = "references", "longer", "epochs", "rates"
SEEDS = "seeds"
"""What a modality without a word lacks: references, longer ones, a longer or a better training of
all, or more seeds of it."""

NO_PROMISE = "None of them is promised to help here; a comparison on fresh seeds decides."


def is_sure(share: float | None) -> bool:
    """Whether a word of this probability may be called sure."""
    return share is not None and share >= SURE_FROM
