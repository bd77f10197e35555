import io

import pytest
from rich.console import Console

from equimodal.comparison.progress import Lines, Live, Tally, shown
from unit.comparison.conftest import plan_of


@pytest.fixture
def runs(tiny_plans):
    return plan_of("tiny", methods=["joint", "amss"], seeds=1, epochs=4, lr=0.1).runs


def console(**options):
    return Console(file=io.StringIO(), width=120, **options)


def text(listener):
    return listener.console.file.getvalue()


def epoch(run, number):
    return {"kind": "epoch", "run": run, "epoch": number, "accuracy": 0.5 + number / 10}


def finished(run):
    return {"kind": "finished", "run": run, "status": "finished"}


def test_what_is_left_follows_from_the_speed_so_far(runs, monkeypatch):
    now = iter([100.0, 160.0])
    monkeypatch.setattr("equimodal.comparison.progress.time.monotonic", lambda: next(now))
    tally = Tally(runs)
    tally.take(epoch(0, 2))
    # 2 of 2 * (4 + 1) epochs took 60 s, so 8 more take 240 s.
    assert tally.remaining == ", 4:00 left"


def test_nothing_is_foretold_from_a_start_alone(runs):
    assert Tally(runs).remaining == ""


def test_a_finished_run_is_one_line_with_its_accuracy(runs):
    lines = Lines(console(), runs)
    lines.started(0, 0)
    lines.heard(0, epoch(0, 4))
    lines.heard(0, finished(0))
    assert text(lines).startswith("[1/2] joint, seed 0, lr 0.1: finished, validation 0.900")


def test_a_failure_and_a_warning_are_told_in_full(runs):
    lines = Lines(console(), runs)
    for _ in range(2):
        lines.heard(0, {"kind": "warning", "run": 1, "message": "[beware] of :sound:"})
    lines.heard(0, {"kind": "failed", "run": 1, "message": "no [memory]"})
    assert text(lines).splitlines() == [
        "amss: warning: [beware] of :sound:",
        "amss, seed 0, lr 0.1: failed: no [memory]",
    ]


def test_a_terminal_shows_each_workers_run_and_all_runs(runs):
    live = Live(console(force_terminal=True), runs)
    with live.bars:
        live.started(0, 0)
        live.started(1, 1)
        live.heard(1, epoch(1, 3))
        live.heard(0, finished(0))
    shown_text = text(live)
    assert "joint, seed 0" in shown_text
    assert "3/4 epochs, validation 0.800" in shown_text
    assert "1/2 runs" in shown_text


def test_nothing_is_shown_where_nothing_is_wanted(runs, capsys):
    with shown(runs, progress=False) as listener:
        listener.started(0, 0)
        listener.heard(0, finished(0))
    with shown((), progress=True):
        pass
    assert capsys.readouterr() == ("", "")
