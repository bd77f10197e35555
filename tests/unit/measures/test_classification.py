import pytest
import torch
from sklearn.metrics import f1_score

from equimodal.measures.classification import accuracy
from equimodal.measures.scoring import CLASSES, SCORES

macro_f1 = SCORES[CLASSES]["macro_f1"].value
mean_average_precision = SCORES[CLASSES]["mean_average_precision"].value

LABELS = torch.tensor([0, 0, 1, 2])
# Predicts 0, 1, 1, 2.
LOGITS = torch.tensor([[4.0, 1, 0], [1.0, 2, 0], [0.0, 3, 1], [1.0, 0, 2]])


def test_accuracy_counts_the_highest_logits():
    assert accuracy(LOGITS, LABELS) == 0.75


def test_macro_f1_is_the_hand_computed_one():
    # Class 0: 2*1/(1+2); class 1: 2*1/(2+1); class 2: 1.
    assert macro_f1(LOGITS, LABELS) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_macro_f1_is_scikit_learns_over_the_classes_that_occur():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (50,), generator=generator)
    logits = torch.randn(50, 6, generator=generator)
    expected = f1_score(labels, logits.argmax(1), labels=range(4), average="macro")
    assert macro_f1(logits, labels) == pytest.approx(expected)


def test_average_precision_is_the_hand_computed_one():
    logits = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7]]).log()
    labels = torch.tensor([0, 1, 0, 1])
    # Class 0 ranks its hits 1st and 3rd: (1 + 2/3) / 2. Class 1 ranks them 1st and 3rd as well.
    assert mean_average_precision(logits, labels) == pytest.approx(5 / 6)


def test_one_class_and_one_sample_have_their_measures():
    logits, labels = torch.tensor([[0.0, 1.0]]), torch.tensor([1])
    assert accuracy(logits, labels) == macro_f1(logits, labels) == 1.0
    assert mean_average_precision(logits, labels) == 1.0


def test_huge_and_tiny_logits_do_not_disturb_the_measures():
    for scale in (1e-20, 1e6, 1e30):
        assert macro_f1(LOGITS * scale, LABELS) == macro_f1(LOGITS, LABELS)
        assert 0 < mean_average_precision(LOGITS * scale, LABELS) <= 1
