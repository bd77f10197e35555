import time
import warnings

import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.training.probe import check_rows, probe_predictions


def probe_accuracy(features, labels, others, truth):
    (predicted,) = probe_predictions(features, labels, others)
    return (predicted == truth).double().mean().item()


def clusters(
    rows: int, *, width: int = 64, seed: int = 0, spread: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(10, width, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(rows) % 10
    return centres[labels] + spread * torch.randn(rows, width, generator=generator), labels


def test_separable_features_are_probed_perfectly_at_any_scale() -> None:
    train, test = clusters(200, spread=0.1), clusters(100, seed=1, spread=0.1)
    for scale in (1e-6, 1.0, 1e6):
        assert probe_accuracy(scale * train[0] + 5, train[1], scale * test[0] + 5, test[1]) == 1


def test_features_without_information_are_probed_at_the_share_of_the_largest_class() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    assert probe_accuracy(torch.ones(4, 3), labels, torch.ones(4, 3), labels) == 0.75


def test_the_accuracy_is_a_share_of_the_test_rows() -> None:
    features = torch.tensor([[-1.0], [-2.0], [1.0], [2.0]])
    labels = torch.tensor([0, 0, 1, 1])
    wrong = torch.tensor([0, 1, 1, 1])
    assert probe_accuracy(features, labels, features, wrong) == 0.75


def test_one_class_in_training_predicts_that_class() -> None:
    labels = torch.tensor([2, 2])
    assert probe_accuracy(torch.rand(2, 3), labels, torch.rand(2, 3), torch.tensor([2, 0])) == 0.5


def test_it_is_deterministic_and_leaves_the_random_stream_untouched() -> None:
    train, test = clusters(300, spread=3), clusters(200, seed=1, spread=3)
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first = probe_accuracy(*train, *test)
    assert first == probe_accuracy(*train, *test)
    assert 0.2 < first < 1
    assert torch.equal(torch.rand(2), expected)


def test_hard_features_leak_no_warning_and_leave_filters_as_they_were() -> None:
    train, test = clusters(100, spread=30), clusters(100, seed=1, spread=30)
    filters = list(warnings.filters)
    probe_accuracy(*train, *test)
    assert warnings.filters == filters


def test_features_may_carry_a_gradient_and_half_precision() -> None:
    train, test = clusters(200, spread=0.1), clusters(100, seed=1, spread=0.1)
    assert probe_accuracy(train[0].half().requires_grad_(), train[1], test[0].half(), test[1]) == 1


def test_a_thousand_rows_take_a_fraction_of_a_second() -> None:
    train, test = clusters(1000, spread=2), clusters(1000, seed=1, spread=2)
    probe_accuracy(*train, *test)
    start = time.thread_time()
    probe_accuracy(*train, *test)
    assert time.thread_time() - start < 1.5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_encoder_is_refused(value: float) -> None:
    features, labels = clusters(20)
    broken = torch.full_like(features, value)
    with pytest.raises(BalanceError, match="test features hold values that are not finite"):
        check_rows(broken, labels, "test")
    with pytest.raises(BalanceError, match="training features hold values that are not finite"):
        probe_predictions(broken, labels, features)


def test_rows_and_labels_must_match() -> None:
    features, labels = clusters(20)
    with pytest.raises(BalanceError, match="found 20 rows and 5 labels"):
        probe_accuracy(features, labels[:5], features, labels)
