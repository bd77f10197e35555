"""What a choice says of its pick."""

import shlex
from dataclasses import replace

from equimodal import methods
from equimodal.cli.parser import parse
from equimodal.experiments.choice.outcome import _notes


def test_a_picked_method_comes_with_the_command_that_holds_it_against_its_controls(monkeypatch):
    entry = replace(methods.entry("amss"), controls=("amss-fixed", "relearn-fixed"))
    monkeypatch.setitem(methods._REGISTRY, "amss", entry)
    winner = {"row": "amss", "settings": {"tau": 0.31}}
    (note,) = _notes("amss", winner, {}, ["--data", "keypad", "--epochs", "9"])
    assert note.startswith("what amss's own idea adds shows against amss-fixed, relearn-fixed, ")
    given = parse(shlex.split(note.partition(": equimodal ")[2]))
    assert given.methods == ["joint", "amss-fixed", "relearn-fixed", "amss"]
    assert given.settings == ["amss-fixed.tau=0.31", "amss.tau=0.31"]
    assert (given.data, given.epochs) == ("keypad", 9)


def test_a_picked_baseline_needs_no_control():
    winner = {"row": "dus", "settings": {"gamma": 1.0}}
    (note,) = _notes("joint", winner, {}, [])
    assert note == "dus won the search, but not on fresh seeds; the pick is the baseline"
