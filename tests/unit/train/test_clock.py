import torch

from equimodal.train import clock
from equimodal.train.clock import StepClock


def test_steps_are_timed_from_the_start_of_the_epoch(monkeypatch):
    now = iter([0.0, 5.0, 6.0, 8.0])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(now))
    steps = StepClock(torch.device("cpu"))
    steps.start()
    steps.start()
    steps.tick()
    steps.tick()
    assert steps.seconds() == [1.0, 2.0]
