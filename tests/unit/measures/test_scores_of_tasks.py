"""Scores of several labels and of numbers: those of scikit-learn, and by hand."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from equimodal.data.target import SCORES_BY_TASK
from equimodal.measures import goodness
from equimodal.measures.scoring import LABELS, NUMBERS, SCORES, blind_loss, loss, strata

DRAW = torch.Generator().manual_seed(0)
LOGITS = torch.randn(60, 4, generator=DRAW)
STATES = (torch.rand(60, 4, generator=DRAW) < torch.tensor([0.5, 0.3, 0.1, 0.0])).long()
NUMBERS_TRUE = torch.randn(60, 3, generator=DRAW) * torch.tensor([1.0, 5.0, 0.1])
SAID = NUMBERS_TRUE + 0.5 * torch.randn(60, 3, generator=DRAW)


def value(kind, name, *pair):
    return SCORES[kind][name].value(*pair)


def test_every_score_has_a_name_that_results_know():
    assert {kind: tuple(own) for kind, own in SCORES.items()} == SCORES_BY_TASK


def test_several_labels_are_scored_as_by_scikit_learn():
    said, occurring = (LOGITS > 0).numpy(), STATES[:, :3].numpy()
    assert STATES[:, 3].sum() == 0
    found = {name: value(LABELS, name, LOGITS, STATES) for name in SCORES[LABELS]}
    assert found == pytest.approx({
        "mean_average_precision": metrics.average_precision_score(occurring, LOGITS[:, :3]),
        "micro_f1": metrics.f1_score(STATES, said, average="micro"),
        "macro_f1": metrics.f1_score(occurring, said[:, :3], average="macro"),
        "auroc": metrics.roc_auc_score(occurring, LOGITS[:, :3]),
        "label_accuracy": float((said == STATES.numpy()).mean()),
    })  # fmt: skip


def test_equal_logits_count_half_in_the_area():
    states = torch.tensor([[1], [0], [1], [0]])
    assert value(LABELS, "auroc", torch.zeros(4, 1), states) == 0.5
    assert value(LABELS, "auroc", torch.tensor([[1.0], [1.0], [2.0], [0.0]]), states) == 0.875


def test_numbers_are_scored_as_by_scikit_learn():
    found = {name: value(NUMBERS, name, SAID, NUMBERS_TRUE) for name in SCORES[NUMBERS]}
    squares = metrics.mean_squared_error(NUMBERS_TRUE, SAID, multioutput="raw_values")
    both = [np.corrcoef(NUMBERS_TRUE[:, d], SAID[:, d])[0, 1] for d in range(3)]
    assert found == pytest.approx({
        "r2": metrics.r2_score(NUMBERS_TRUE, SAID),
        "mae": metrics.mean_absolute_error(NUMBERS_TRUE, SAID),
        "rmse": np.sqrt(squares).mean(),
        "pearson": np.mean(both),
    }, abs=1e-5)  # fmt: skip


def test_equal_predictions_have_no_correlation_and_equal_numbers_no_score():
    assert value(NUMBERS, "pearson", torch.ones(5, 1), torch.arange(5.0)[:, None]) == 0
    constant = torch.full((5, 1), 3.0)
    for name in ("r2", "pearson"):
        assert np.isnan(value(NUMBERS, name, torch.arange(5.0)[:, None], constant))


def test_large_numbers_keep_their_digits():
    numbers = 1e6 + torch.arange(8.0, dtype=torch.float64)[:, None]
    assert value(NUMBERS, "r2", numbers + 0.5, numbers) == pytest.approx(1 - 0.25 / 5.25)
    assert value(NUMBERS, "pearson", 3 * numbers, numbers) == pytest.approx(1.0)


def test_a_prediction_of_frequencies_has_the_blind_loss():
    shares = STATES[:, :3].double().mean(0)
    logits = (shares / (1 - shares)).log().expand(60, 3)
    assert loss(logits, STATES[:, :3]).mean().item() == pytest.approx(blind_loss(STATES[:, :3]))
    mean = NUMBERS_TRUE.mean(0).expand(60, 3)
    assert loss(mean, NUMBERS_TRUE).mean().item() == pytest.approx(blind_loss(NUMBERS_TRUE), 1e-5)
    labels = torch.tensor([0, 0, 0, 1])
    assert blind_loss(labels, (1.0, 3.0)) == pytest.approx(np.log(2))


def test_goodness_is_the_balanced_accuracy_of_labels():
    true = STATES[:, :3]
    said = LOGITS[:, :3].sigmoid() > true.double().mean(0)
    expected = [metrics.balanced_accuracy_score(true[:, c], said[:, c]) for c in range(3)]
    assert goodness.right(LOGITS, STATES).mean().item() == pytest.approx(np.mean(expected))
    assert goodness.blind(STATES).mean() == 0.5
    constant = torch.full_like(LOGITS, 5.0)
    assert goodness.right(constant, STATES).mean().item() == pytest.approx(0.5)


def test_goodness_is_the_explained_variance_of_numbers():
    found = goodness.right(SAID, NUMBERS_TRUE).mean().item()
    assert found == pytest.approx(metrics.r2_score(NUMBERS_TRUE, SAID), abs=1e-5)
    assert goodness.blind(NUMBERS_TRUE).mean().item() == pytest.approx(0, abs=1e-6)
    scaled = goodness.right(SAID * 7, NUMBERS_TRUE * 7)
    assert torch.allclose(scaled, goodness.right(SAID, NUMBERS_TRUE), atol=1e-4)


def test_likelihood_is_the_mean_probability_of_the_true_states():
    chance = LOGITS.double().sigmoid()
    expected = torch.where(STATES > 0, chance, 1 - chance).mean(1)
    assert torch.allclose(goodness.likelihood(LOGITS, STATES), expected)


def test_samples_are_dealt_out_by_their_rarest_label_or_their_rank():
    states = torch.tensor([[1, 1], [1, 0], [1, 0], [0, 0]])
    assert strata(states).tolist()[:3] == [1, 0, 0]
    assert strata(torch.tensor([[3.0], [1.0], [2.0]])).tolist() == [2, 0, 1]
