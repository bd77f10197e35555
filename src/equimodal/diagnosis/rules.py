"""The words of a verdict and the rules behind them. They are ours; docs/diagnosis.md says why.

All three come from accuracies of linear probes, so that no fused head has a say: of the encoder in
the fused model, and of the same encoder trained alone.
"""

from __future__ import annotations

UNDER_TRAINED = "under-trained"
WEAK = "weak by itself"
WELL_TRAINED = "well trained"
WORDS = (UNDER_TRAINED, WEAK, WELL_TRAINED)

BALANCED = "balanced: nothing to mend"
BEHIND = "encoders well trained, fusion behind"
STATES = (UNDER_TRAINED, BEHIND, BALANCED)

LOST_FROM = 0.03
"""Accuracy that an encoder must have lost to its own training alone, to be under-trained."""
TELLS_FROM = 0.03
"""Accuracy above chance from which a modality trained alone is said to tell anything."""
WEAK_BELOW = 0.5
"""Share of the best modality's accuracy above chance, below which one is weak by itself."""
BEHIND_FROM = 0.03
"""Accuracy by which the ensemble must lead, for the fusion of sound encoders to be behind."""
SURE_FROM = 0.95
"""Share of resamplings that must give the same word, for the word to be called sure."""

NO_PROMISE = "None of them is promised to help here; a comparison on fresh seeds decides."


def is_sure(share: float | None) -> bool:
    """Whether a word that this share of resamplings gave may be called sure."""
    return share is not None and share >= SURE_FROM
