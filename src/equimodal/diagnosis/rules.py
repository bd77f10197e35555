"""The words of a verdict and the rules behind them. They are ours; docs/diagnosis.md says why.

All three come from accuracies of linear probes, so that no fused head has a say: of the encoder in
the fused model, and of the same encoder trained alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from equimodal.balancing.recorder import COLLAPSED_BELOW, behind

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


def modality_words(fused: Tensor, alone: Tensor, chance: float) -> Tensor:
    """Position in `WORDS` of each modality's word. (..., M), (..., M) -> (..., M)

    Args:
        fused: probe accuracy of each encoder in the fused model.
        alone: probe accuracy of the same encoders trained alone.
        chance: accuracy of naming the most frequent class always.
    """
    tells = alone - chance
    speechless = tells < TELLS_FROM
    starved = (alone - fused >= LOST_FROM) & ~speechless
    weak = speechless | (tells < WEAK_BELOW * tells.amax(-1, keepdim=True))
    word = torch.full_like(fused, WORDS.index(WELL_TRAINED), dtype=torch.long)
    word[weak] = WORDS.index(WEAK)
    word[starved] = WORDS.index(UNDER_TRAINED)
    return word


def model_states(words: Tensor, lead: Tensor) -> Tensor:
    """Position in `STATES` of the model's state. (..., M), (...) -> (...)

    Args:
        words: of its modalities.
        lead: accuracy of the ensemble of modalities trained alone, minus that of the model.
    """
    starved = (words == WORDS.index(UNDER_TRAINED)).any(-1)
    state = torch.full_like(lead, STATES.index(BALANCED), dtype=torch.long)
    state[lead >= BEHIND_FROM] = STATES.index(BEHIND)
    state[starved] = STATES.index(UNDER_TRAINED)
    return state


def collapsed(summary: Mapping[str, Any]) -> list[str]:
    """Modalities whose share of the gradient fell to less than `COLLAPSED_BELOW` of its start,
    while their own score, where there is one, stayed far below the best.

    A modality that has converged has a small gradient too.
    """
    shares = summary.get("gradient_share", {})
    scores = {m: value["last"] for m, value in summary.get("score", {}).items()}
    return [
        m for m, share in shares.items()
        if share["first"] and share["last"] is not None
        and share["last"] < COLLAPSED_BELOW * share["first"]
        and (not scores or behind(scores, m))
    ]  # fmt: skip
