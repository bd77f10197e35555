import torch

from equimodal.training import clock
from equimodal.training.clock import StepClock


def test_steps_are_timed_from_the_start_of_the_epoch(monkeypatch):
    now = iter([0.0, 5.0, 6.0, 8.0])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(now))
    steps = StepClock(torch.device("cpu"))
    steps.start()
    steps.start()
    steps.tick()
    steps.tick()
    assert steps.seconds() == [1.0, 2.0]


def test_waiting_for_batches_is_added_up_and_what_happens_between_them_is_not(monkeypatch):
    now = iter([0.0, 1.0, 3.0, 10.0, 14.0, 20.0])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(now))
    steps = StepClock(torch.device("cpu"))
    steps.start()
    assert list(steps.waiting("ab")) == ["a", "b"]
    # Asked at 1, there at 3; asked again at 10, there at 14.
    assert steps.waited == 6.0
