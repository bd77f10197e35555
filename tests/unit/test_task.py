import math

import pytest
import torch

from equimodal import BalanceError
from equimodal.task import Classification

TASK = Classification()


def test_the_loss_is_the_mean_cross_entropy_in_nats():
    logits = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])
    assert float(TASK.loss(logits, torch.tensor([0, 1]))) == pytest.approx(
        (-math.log(0.75) + math.log(2)) / 2
    )


def test_the_score_is_the_probability_of_the_true_class():
    logits = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])
    assert TASK.score(logits, torch.tensor([0, 1])).tolist() == pytest.approx([0.75, 0.5])


@pytest.mark.parametrize(
    ("logits", "target", "words"),
    [
        ((4, 3), torch.zeros(4), "one integer label a sample; found torch.float32"),
        ((4, 3), torch.zeros(4, 3), r"Write target.argmax\(-1\) if they are one-hot"),
        ((4, 3), torch.zeros(3).long(), r"found \(4, 3\) and \(3,\)"),
        ((4, 3), torch.zeros(4, 1).long(), r"found \(4, 3\) and \(4, 1\)"),
        ((4, 3, 2), torch.zeros(4).long(), r"found \(4, 3, 2\) and \(4,\)"),
        ((4, 3), torch.tensor([0, 1, 2, 3]), r"Labels must lie in \[0, 3\).*from 0 to 3"),
        ((4, 3), torch.tensor([0, -100, 2, 1]), "from -100 to 2"),
    ],
)
def test_targets_of_another_form_are_refused(logits, target, words):
    with pytest.raises(BalanceError, match=words):
        TASK.check(torch.zeros(logits), target)


def test_sound_targets_pass():
    TASK.check(torch.zeros(4, 3), torch.tensor([0, 1, 2, 2]))
    TASK.check(torch.zeros(4, 3), torch.tensor([0, 1, 2, 2], dtype=torch.uint8))
    TASK.check(torch.zeros(0, 3), torch.zeros(0).long())
