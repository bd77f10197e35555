"""Scores of parts are those of the same samples by themselves."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equimodal.measures import classification
from equimodal.measures.deletion import SCORES, macro_f1


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 40), st.integers(2, 4), st.booleans(), st.integers(0, 10**6))
def test_every_part_has_the_score_of_its_own_samples(count, classes, ties, seed):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, classes, generator=draw)
    logits = logits.round() if ties else logits
    labels = torch.randint(classes, (count,), generator=draw)
    kept = torch.rand(4, count, generator=draw) < 0.8
    kept[0] = True
    for name, score in SCORES.items():
        for part, value in zip(kept, score(logits, labels, kept).tolist(), strict=True):
            if set(labels[part].tolist()) == set(labels.tolist()):
                expected = getattr(classification, name)(logits[part], labels[part])
                assert value == pytest.approx(expected)
            else:
                assert value != value


def test_a_part_without_a_class_has_no_value():
    logits, labels = torch.eye(2), torch.tensor([0, 1])
    found = macro_f1(logits, labels, torch.tensor([[True, True], [True, False]]))
    assert found[0] == 1.0 and found[1].isnan()
