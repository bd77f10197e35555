import math

import pytest
import torch
from torch.nn import functional

from equimodal import BalanceError, Classification, MultiLabel, Regression

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]])
LABELS = torch.tensor([0, 2])
STATES = torch.tensor([[1, 0, 1], [0, 0, 1]])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_classification_is_cross_entropy_with_the_true_class_as_score():
    task = Classification()
    chances = LOGITS.softmax(1)
    own = torch.stack([chances[0, 0], chances[1, 2]])
    torch.testing.assert_close(task.log_loss(LOGITS, LABELS), -own.log())
    torch.testing.assert_close(task.loss(LOGITS, LABELS), -own.log().mean())
    torch.testing.assert_close(task.score(LOGITS, LABELS), own)
    counts = task.label_counts(torch.tensor([0, 2, 2, 0]), 3)
    assert counts.tolist() == [2, 0, 2]
    assert float(task.label_entropy(counts)) == pytest.approx(math.log(2))


def test_half_precision_logits_are_widened_before_sums():
    logits = LOGITS.bfloat16()
    assert Classification().log_loss(logits, LABELS).dtype == torch.float32
    assert MultiLabel().log_loss(logits, STATES).dtype == torch.float32


def test_several_labels_are_binary_cross_entropies_with_the_true_state_as_score():
    task = MultiLabel()
    truth = [[sigmoid(2), 0.5, sigmoid(-1)], [1 - sigmoid(0.5), 1 - sigmoid(0.5), sigmoid(3)]]
    sums = [-sum(map(math.log, row)) for row in truth]
    assert task.log_loss(LOGITS, STATES).tolist() == pytest.approx(sums)
    assert float(task.loss(LOGITS, STATES)) == pytest.approx(sum(sums) / 6)
    assert task.score(LOGITS, STATES).tolist() == pytest.approx([sum(r) / 3 for r in truth])
    for kind in (torch.bool, torch.float64):
        assert torch.equal(task.score(LOGITS, STATES.to(kind)), task.score(LOGITS, STATES))


def test_the_entropy_of_several_labels_is_the_sum_of_theirs():
    task = MultiLabel()
    counts = task.label_counts(STATES, 3) + task.label_counts(STATES, 3)
    assert counts.tolist() == [2, 0, 4, 2, 4, 0]
    assert float(task.label_entropy(counts)) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("error", "expected"),
    [("squared", functional.mse_loss), ("absolute", functional.l1_loss)],
)
def test_a_regression_is_the_mean_of_its_error(error, expected):
    task, target = Regression(error), torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(task.loss(LOGITS, target), expected(LOGITS, target))


@pytest.mark.parametrize("quantity", ["score", "log_loss", "label_counts", "label_entropy"])
def test_a_regression_says_that_it_has_no_label(quantity):
    arguments = {"label_counts": (LOGITS, 3), "label_entropy": (LOGITS,)}
    with pytest.raises(BalanceError, match="regression"):
        getattr(Regression(), quantity)(*arguments.get(quantity, (LOGITS, LOGITS)))


WRONG = {
    "floating labels": (Classification(), LOGITS, LABELS.float(), "task=MultiLabel.*Regression"),
    "labels of two dimensions": (Classification(), LOGITS, STATES, r"found \(2, 3\) and \(2, 3\)"),
    "labels above the outputs": (Classification(), LOGITS, LABELS + 1, r"\[0, 3\).*from 1 to 3"),
    "negative labels": (Classification(), LOGITS, LABELS - 1, r"from -1 to 1"),
    "class labels for several": (MultiLabel(), LOGITS, LABELS, r"one shape.*\(2, 3\) and \(2,\)"),
    "states that are no states": (MultiLabel(), LOGITS, STATES + 1, "0 or 1; found .* 1 to 2"),
    "numbers of another shape": (
        Regression(), LOGITS[:, :1], LABELS.float(), r"\(2, 1\) and \(2,\).*target\[:, None\]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_targets_of_another_kind_are_refused(mistake):
    task, logits, target, words = WRONG[mistake]
    with pytest.raises(BalanceError, match=words):
        task.check(logits, target)


def test_an_unknown_error_of_a_regression_is_refused():
    with pytest.raises(BalanceError, match="one of squared, absolute; found 'huber'"):
        Regression("huber")


@pytest.mark.parametrize(
    ("task", "target"),
    [(Classification(), LABELS), (MultiLabel(), STATES), (Regression(), LOGITS)],
)
def test_targets_that_fit_pass(task, target):
    task.check(LOGITS, target)
