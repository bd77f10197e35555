"""What a choice says of its pick."""

import shlex
from dataclasses import replace

from equimodal import methods
from equimodal.cli.options import given
from equimodal.cli.parser import parse
from equimodal.comparison.execution import Execution
from equimodal.comparison.experiment import Experiment
from equimodal.experiments.choice.outcome import _command, _notes


def test_a_picked_method_comes_with_the_command_that_holds_it_against_its_controls(monkeypatch):
    entry = replace(methods.entry("amss"), controls=("amss-fixed", "relearn-fixed"))
    monkeypatch.setitem(methods._REGISTRY, "amss", entry)
    winner = {"row": "amss", "settings": {"tau": 0.31}}
    (note,) = _notes("amss", winner, Experiment("keypad", epochs=9), Execution())
    assert note.startswith("what amss's own idea adds shows against amss-fixed, relearn-fixed, ")
    found = given(parse(shlex.split(note.partition(": equimodal ")[2])))
    assert found["methods"] == ["joint", "amss-fixed", "relearn-fixed", "amss"]
    assert found["settings"] == {"amss-fixed.tau": 0.31, "amss.tau": 0.31}
    assert (found["data"], found["epochs"]) == ("keypad", 9)


def test_the_command_that_trains_the_pick_again_has_all_that_was_asked_for():
    settings = {"adam.betas": (0.8, 0.99), "my set.name": "it's, so"}
    experiment = Experiment("my set", optimizer="adam", settings=settings, encoders={"a": "mlp"})
    said = _command("amss", {"tau": 0.31}, 4, experiment, Execution(data_root="my data"))
    found = given(parse(shlex.split(said)[1:]))
    assert found.pop("settings") == {"amss.tau": 0.31, **settings}
    assert found == {
        "data": "my set", "methods": ("amss",), "seeds": (4,), "optimizer": "adam",
        "encoders": {"a": "mlp"}, "data_root": "my data",
    }  # fmt: skip


def test_a_picked_baseline_needs_no_control():
    winner = {"row": "dus", "settings": {"gamma": 1.0}}
    (note,) = _notes("joint", winner, Experiment(), Execution())
    assert note == "dus won the search, but not on fresh seeds; the pick is the baseline"
