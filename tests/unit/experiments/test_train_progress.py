import io

import pytest
from rich.console import Console

from equimodal.experiments import train_progress as single_progress
from equimodal.experiments.train_progress import Pace, shown
from unit.training.tiny import config


@pytest.fixture
def screen(monkeypatch):
    """Where the progress is shown: not a terminal, until `terminal` is set."""
    file = io.StringIO()
    file.terminal = False
    monkeypatch.setattr(
        single_progress,
        "Console",
        lambda **_: Console(file=file, width=120, force_terminal=file.terminal),
    )
    return file


def test_what_is_left_follows_from_the_epochs_that_were_seen(monkeypatch):
    now = iter([100.0, 120.0, 140.0])
    monkeypatch.setattr("equimodal.experiments.train_progress.time.monotonic", lambda: next(now))
    pace = Pace(20)
    # A run that was resumed after 9 epochs: the tenth took 20 s, 10 are left.
    assert pace.left(10) == "3:20 left"
    assert pace.left(11) == "3:00 left"


def test_elsewhere_than_in_a_terminal_every_epoch_is_a_line(screen):
    with shown(config(), speaks=True) as notify:
        notify(1, 0.5)
        notify(4, 0.9375)
    first, last = screen.getvalue().splitlines()
    assert first.startswith("epoch 1/4: validation 0.500, 0:0")
    assert last == "epoch 4/4: validation 0.938, 0:00 left"


def test_a_terminal_shows_a_bar(screen):
    screen.terminal = True
    with shown(config(), speaks=True) as notify:
        notify(3, 0.75)
    assert "joint, seed 3, lr 0.05" in screen.getvalue()
    assert "3/4 epochs, validation 0.750" in screen.getvalue()


def test_other_ranks_show_nothing(screen):
    with shown(config(), speaks=False) as notify:
        assert notify is None
    assert screen.getvalue() == ""
