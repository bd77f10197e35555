import pytest

from equimodal.errors import BalanceError
from equimodal.experiments.choice import time_budget
from equimodal.experiments.choice.time_budget import TimeBudget, seconds_of, spoken


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2h", 7200), (45, 45), (12.5, 12.5)],
)
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "10x", "0m", "-5", "5", "4.5", "m", "1m1h"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(BalanceError, match="such as 90s, 10m or 1h30m"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1s"), (99, "99s"), (100, "2m"), (3600, "1h"), (5401, "1h31m")]
)
def test_a_time_is_spoken_rounded_up_to_minutes(seconds, text):
    assert spoken(seconds) == text
    assert seconds_of(text) >= seconds


def test_time_that_an_earlier_call_took_counts(monkeypatch):
    now = iter([100.0, 130.0, 150.0])
    monkeypatch.setattr(time_budget.time, "monotonic", lambda: next(now))
    budget = TimeBudget(60.0, spent=20.0)
    assert budget.spent == 50.0
    assert budget.left == -10.0
