import math

import pytest
import torch
from torch.nn import functional

from equimodal import BalanceError, Classification, MultiLabel, Regression
from equimodal.numerics.explained import cluster_explained, moments, variance

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


@pytest.mark.parametrize("quantity", ["score", "log_loss", "label_entropy"])
def test_a_regression_says_that_it_has_no_label(quantity):
    arguments = {"label_entropy": (LOGITS,)}
    with pytest.raises(BalanceError, match="regression"):
        getattr(Regression(), quantity)(*arguments.get(quantity, (LOGITS, LOGITS)))


# Two numbers a sample: mean squared errors 1/4 and 2, variances 4/5 (of the sample 1) and 0.
TRUTH = torch.tensor([[1.0, 3.0], [3.0, 3.0], [1.0, 3.0], [3.0, 3.0], [2.0, 3.0]])
GUESS = TRUTH + torch.tensor([[0.5, 2.0], [0.5, 0.0], [-0.5, 2.0], [0.5, 1.0], [0.5, -1.0]])


@pytest.mark.parametrize("error", ["squared", "absolute"])
def test_information_about_numbers_is_the_gaussian_bound(error):
    task = Regression(error)
    sums = task.information_sums(GUESS, TRUTH)
    assert sums.tolist() == pytest.approx([5 / 4, 10, 5])
    halves = task.label_counts(TRUTH[:2], 2) + task.label_counts(TRUTH[2:], 2)
    assert halves.tolist() == [5, 10, 15, 24, 45]
    # Var = 24/5 - 2^2 = 4/5 and 0: the second number has nothing to tell of.
    found = task.information(halves, torch.stack([sums, sums / 2, 4 * sums]))
    expected = 0.5 * math.log((4 / 5) / (1 / 4))
    assert found.tolist() == pytest.approx([expected] * 3)
    worse = task.information(halves, torch.tensor([[16.0, 0.0, 5.0]]))
    assert float(worse) == pytest.approx(0.5 * math.log((4 / 5) / (16 / 5)))
    exact = task.information(halves, torch.tensor([[0.0, 0.0, 5.0]]))
    assert float(exact) == pytest.approx(0.5 * math.log(1e6))


def test_the_score_of_numbers_is_a_bounded_share_of_their_variance():
    task = Regression()
    sums = task.score_sums(GUESS, TRUTH)
    far = task.score_sums(TRUTH + 9, TRUTH)
    none = task.score_sums(GUESS[:0], TRUTH[:0])
    found = task.mean_score(torch.stack([sums, far, none]))
    # The sample's variance is 1, and that of the second number 0.
    assert found[:2].tolist() == pytest.approx([(1 - 1 / 4) / 2, 0])
    assert math.isnan(found[2])
    parts = task.score_sums(GUESS[:2], TRUTH[:2]) + task.score_sums(GUESS[2:], TRUTH[2:])
    torch.testing.assert_close(parts, sums)


def test_the_variance_of_a_batch_is_in_the_mean_that_of_all_whatever_its_rows():
    # Each of the 5^2 batches of two rows with replacement: in the mean Var(0..4) = 2 = that of all.
    pairs = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0))
    batches = torch.stack([moments(pair[:, None]) for pair in pairs])
    assert float(variance(batches, sample=True).mean()) == pytest.approx(2)
    task = Regression()
    sums = torch.stack([task.score_sums(p[:, None] + 1, p[:, None]) for p in pairs])
    found = task.mean_score(sums)
    own = [max(0.0, 1 - 1 / float(pair.var())) if pair.var() > 0 else 0.0 for pair in pairs]
    torch.testing.assert_close(found, torch.tensor(own).double())


def test_large_numbers_keep_their_variance():
    years = torch.tensor([[2000.0], [2001.0], [2002.0]])
    spread = 2 / 3
    task = Regression()
    found = task.information(
        task.label_counts(years, 1), task.information_sums(years + 0.5, years)[None]
    )
    assert float(found) == pytest.approx(0.5 * math.log(spread / 0.25))


def test_purity_of_labels_is_the_variance_that_clusters_explain():
    # Two clusters of two samples: the first label is told wholly, the second not at all, and the
    # third has no variance.
    states = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    features = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    assert MultiLabel().purity(features, states[:, :2], 100) == pytest.approx(1 / 2)
    with_constant = cluster_explained(states.float(), torch.tensor([7, 7, 2, 2]))
    assert with_constant == pytest.approx(1 / 2)
    assert cluster_explained(states[:, 2:].float(), torch.tensor([0, 0, 1, 1])) == 1


def test_purity_of_numbers_takes_ten_clusters():
    places = torch.arange(10.0).repeat_interleave(3)
    values = places[:, None] + torch.tensor([-0.1, 0.0, 0.1]).repeat(10)[:, None]
    found = Regression().purity(places[:, None] + 0.001 * values, values, 100)
    inside = 30 * (0.01 * 2 / 3)
    total = float((values - values.mean()).square().sum())
    assert found == pytest.approx(1 - inside / total, rel=1e-6)
    assert Regression().purity(torch.zeros(30, 2), values, 100) is None


def test_purity_of_many_samples_is_that_of_some():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(200, 2, generator=draw)
    few = Regression().purity(features, features, 50)
    assert few is not None and few != Regression().purity(features, features, 200)


def test_cluster_explained_takes_one_cluster_a_sample():
    with pytest.raises(BalanceError, match="one cluster for each of at least one sample; found 2"):
        cluster_explained(torch.zeros(2, 1), torch.zeros(3).long())


WRONG = {
    "floating labels": (Classification(), LOGITS, LABELS.float(), "task=MultiLabel.*Regression"),
    "labels of two dimensions": (Classification(), LOGITS, STATES, r"found \(2, 3\) and \(2, 3\)"),
    "labels above the outputs": (Classification(), LOGITS, LABELS + 1, r"\[0, 3\).*from 1 to 3"),
    "negative labels": (Classification(), LOGITS, LABELS - 1, r"from -1 to 1"),
    "class labels for several": (
        MultiLabel(), LOGITS, LABELS, r"one shape.*\(2, 3\) and \(2,\).*task=Classification\(\)",
    ),
    "one label without a column": (
        MultiLabel(), LOGITS[:, 0], LABELS, r"output\[:, None\] and target\[:, None\]",
    ),
    "numbers without a column": (
        Regression(), LOGITS[:, 0], LABELS.float(), r"output\[:, None\] and target\[:, None\]",
    ),
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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused_before_they_are_trained_on(value):
    target = torch.zeros(4, 2)
    target[1:3, 0] = value
    with pytest.raises(BalanceError, match="found NaN or infinity in 2 of 4 rows"):
        Regression().check(torch.zeros(4, 2), target)
