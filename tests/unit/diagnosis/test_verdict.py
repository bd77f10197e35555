"""Which word follows from which accuracies."""

import pytest
import torch

from equimodal.diagnosis.rules import (
    BALANCED,
    BEHIND,
    STATES,
    UNDER_TRAINED,
    WEAK,
    WELL_TRAINED,
    WORDS,
)
from equimodal.diagnosis.verdict import modality_words, model_states


def words(fused, alone, chance=0.1):
    found = modality_words(torch.tensor(fused), torch.tensor(alone), chance)
    return [WORDS[i] for i in found.tolist()]


@pytest.mark.parametrize(
    ("fused", "alone", "expected"),
    [
        ([0.86, 0.74], [0.86, 0.94], [WELL_TRAINED, UNDER_TRAINED]),
        ([0.86, 0.92], [0.86, 0.94], [WELL_TRAINED, WELL_TRAINED]),
        ([0.86, 0.98], [0.86, 0.94], [WELL_TRAINED, WELL_TRAINED]),
        ([0.86, 0.10], [0.86, 0.12], [WELL_TRAINED, WEAK]),
        ([0.86, 0.02], [0.86, 0.12], [WELL_TRAINED, WEAK]),
        ([0.86, 0.40], [0.86, 0.41], [WELL_TRAINED, WEAK]),
        ([0.86, 0.30], [0.86, 0.41], [WELL_TRAINED, UNDER_TRAINED]),
        ([0.50, 0.50, 0.10], [0.86, 0.94, 0.10], [UNDER_TRAINED, UNDER_TRAINED, WEAK]),
        ([0.10, 0.10], [0.10, 0.11], [WEAK, WEAK]),
    ],
)  # fmt: skip
def test_each_modality_gets_the_word_that_its_probes_call_for(fused, alone, expected):
    assert words(fused, alone) == expected


@pytest.mark.parametrize(
    ("given", "lead", "expected"),
    [
        ([WELL_TRAINED, UNDER_TRAINED], 0.0, UNDER_TRAINED),
        ([WELL_TRAINED, UNDER_TRAINED], 0.5, UNDER_TRAINED),
        ([WELL_TRAINED, WEAK], 0.01, BALANCED),
        ([WELL_TRAINED, WELL_TRAINED], -0.2, BALANCED),
        ([WELL_TRAINED, WELL_TRAINED], 0.04, BEHIND),
    ],
)
def test_the_state_of_the_model_follows_from_the_words_and_the_lead_of_the_ensemble(
    given, lead, expected
):
    found = model_states(torch.tensor([WORDS.index(w) for w in given]), torch.tensor(lead))
    assert STATES[int(found)] == expected


def test_many_resamplings_are_judged_at_once():
    fused = torch.tensor([[0.86, 0.70], [0.86, 0.93]])
    alone = torch.tensor([[0.86, 0.94], [0.86, 0.94]])
    found = modality_words(fused, alone, 0.1)
    assert [[WORDS[i] for i in row] for row in found.tolist()] == [
        [WELL_TRAINED, UNDER_TRAINED], [WELL_TRAINED, WELL_TRAINED],
    ]  # fmt: skip
    states = model_states(found, torch.tensor([0.0, 0.0]))
    assert [STATES[i] for i in states.tolist()] == [UNDER_TRAINED, BALANCED]
