import math

import pytest
import torch

from equimodal.numerics.scores import count_entropy, softmax_entropy, true_class_probability


def test_the_true_class_probability_is_the_softmax_at_the_label():
    logits = torch.tensor([[0.0, math.log(3)], [math.log(9), 0.0]])
    found = true_class_probability(logits, torch.tensor([1, 1]))
    torch.testing.assert_close(found, torch.tensor([0.75, 0.1]))


def test_it_is_finite_for_huge_logits():
    logits = torch.tensor([[1e30, 0.0], [0.0, 1e30]])
    assert true_class_probability(logits, torch.tensor([0, 0])).tolist() == [1.0, 0.0]


def test_entropies_of_features_are_in_nats_between_zero_and_log_of_the_width():
    features = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1e4, 0.0, 0.0, 0.0]])
    found = softmax_entropy(features)
    torch.testing.assert_close(found, torch.tensor([math.log(4), 0.0]))
    assert softmax_entropy(torch.zeros(2, 3, 5)).tolist() == pytest.approx([math.log(15)] * 2)


def test_the_entropy_of_counts_is_that_of_their_frequencies():
    assert float(count_entropy(torch.tensor([5.0, 5.0, 0.0]))) == pytest.approx(math.log(2))
    assert float(count_entropy(torch.tensor([7.0, 0.0]))) == 0.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_scored_in_single_precision(dtype):
    logits = torch.tensor([[0.0, math.log(3)]]).to(dtype)
    assert true_class_probability(logits, torch.tensor([1])).dtype == torch.float32
    assert softmax_entropy(logits).dtype == torch.float32
