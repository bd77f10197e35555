import pytest
import torch

from equimodal.errors import BalanceError
from equimodal.training.schedules import (
    check_schedule,
    cosine_rate,
    from_words,
    in_words,
    scheduled_rate,
)


def rates(schedule, epochs):
    return [scheduled_rate(schedule, 0.2, epoch=e, progress=e / epochs) for e in range(epochs)]


def torch_rates(make, epochs):
    """What torch's own scheduler sets, stepped once an epoch."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.2)
    schedule, found = make(optimizer), []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_the_cosine_starts_at_the_rate_halves_it_in_the_middle_and_ends_at_zero():
    assert cosine_rate(0.2, 0.0) == 0.2
    assert cosine_rate(0.2, 0.5) == pytest.approx(0.1)
    assert cosine_rate(0.2, 1.0) == cosine_rate(0.2, 1.1) == 0.0
    assert scheduled_rate("cosine", 0.2, epoch=7, progress=0.5) == cosine_rate(0.2, 0.5)


def test_a_constant_rate_stays():
    assert rates("constant", 5) == [0.2] * 5


def test_a_step_multiplies_after_every_so_many_epochs():
    assert rates("step:2:0.1", 6) == pytest.approx([0.2, 0.2, 0.02, 0.02, 0.002, 0.002])
    theirs = torch_rates(lambda o: torch.optim.lr_scheduler.StepLR(o, 2, 0.1), 6)
    assert rates("step:2:0.1", 6) == pytest.approx(theirs)


def test_several_milestones_multiply_from_their_own_epoch_on():
    assert rates("multistep:2,3:0.5", 5) == pytest.approx([0.2, 0.2, 0.1, 0.05, 0.05])
    theirs = torch_rates(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2, 3], 0.5), 5)
    assert rates("multistep:2,3:0.5", 5) == pytest.approx(theirs)


@pytest.mark.parametrize(
    "schedule", ["cosine", "constant", "step:60:0.1", "multistep:80,90:0.1", "multistep:4:2"]
)
def test_a_schedule_is_taken_and_comes_back_from_its_words(schedule):
    assert check_schedule(schedule) == schedule
    assert from_words(in_words(schedule)) == schedule


def test_the_words_of_the_cosine_are_those_of_published_results():
    assert in_words("cosine") == "cosine to zero, per step"


@pytest.mark.parametrize(
    "wrong",
    [
        "cosin", "step", "step:60", "step:0:0.1", "step:60:0", "step:60:inf", "step:6,7:0.1",
        "multistep:90,80:0.1", "multistep::0.1", "linear:3:0.1", "step:a:0.1",
    ],
)  # fmt: skip
def test_another_text_is_answered_with_the_known_ones(wrong):
    with pytest.raises(BalanceError, match=r"no schedule .*step:60:0.1 or multistep:80,90:0.1"):
        check_schedule(wrong)
