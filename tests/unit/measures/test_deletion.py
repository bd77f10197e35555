"""Scores of parts are those of the same samples by themselves."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equimodal.measures.deletion import macro_f1
from equimodal.measures.scoring import CLASSES, LABELS, NUMBERS, SCORES


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([CLASSES, LABELS, NUMBERS]), st.integers(3, 40), st.integers(2, 4),
    st.booleans(), st.integers(0, 10**6),
)  # fmt: skip
def test_every_part_has_the_score_of_its_own_samples(kind, count, outputs, ties, seed):
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, outputs, generator=draw)
    logits = logits.round() if ties else logits
    labels = {
        CLASSES: torch.randint(outputs, (count,), generator=draw),
        LABELS: torch.randint(2, (count, outputs), generator=draw),
        NUMBERS: torch.randn(count, outputs, generator=draw),
    }[kind]
    kept = torch.rand(4, count, generator=draw) < 0.8
    kept[0] = True
    for score in SCORES[kind].values():
        if score.kept is None:
            continue
        for part, value in zip(kept, score.kept(logits, labels, kept).tolist(), strict=True):
            if value == value:
                expected = score.value(logits[part], labels[part])
                assert value == pytest.approx(expected, abs=1e-9)
            else:
                assert lacks_something(kind, labels, part)


def lacks_something(kind, labels, part):
    """Whether a part has not all that its score is a mean over."""
    own = labels[part]
    if kind == CLASSES:
        return set(own.tolist()) != set(labels.tolist())
    if kind == NUMBERS:
        return len(own) < 2
    rare = labels.sum(0)
    return bool(((own.sum(0) == 0) | (own.sum(0) == len(own)) | (rare == 0)).any())


def test_a_part_without_a_class_has_no_value():
    logits, labels = torch.eye(2), torch.tensor([0, 1])
    found = macro_f1(logits, labels, torch.tensor([[True, True], [True, False]]))
    assert found[0] == 1.0 and found[1].isnan()
