"""Whatever is written as a command is read as the same experiment."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equimodal.cli import options
from equimodal.cli.parser import parse
from equimodal.comparison.command.options import COMMANDS, options_of
from equimodal.comparison.command.writing import command, stored_experiment
from equimodal.comparison.execution import PLACES, Execution, arranged
from equimodal.comparison.experiment import Experiment

# argparse of Python 3.11 drops a value that is "--" alone, however it is written.
WORDS = st.text("ab'\" ,=-$\\\nä0.", min_size=1).filter(lambda word: word != "--")
# Blanks at the ends of a name, and commas or equal signs in it, have no meaning there.
NAMES = st.text("ab'\" -$ä0.", min_size=1).map(str.strip).filter(lambda n: n not in ("", "--"))
COUNTS = st.integers(1, 10**6)
RATES = st.floats(0, 1e30, exclude_min=True)
SHARES = st.floats(0, 0.99) | st.integers(0, 9).map(float)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS | NAMES
VALUES = SCALARS | st.lists(SCALARS, max_size=3).map(tuple)
EVERY = {
    "data": WORDS,
    "methods": st.lists(NAMES, min_size=1, max_size=3),
    "seeds": COUNTS.filter(lambda n: n < 9)
    | st.lists(COUNTS | st.just(0), min_size=1, unique=True),
    "epochs": COUNTS,
    "lr": RATES | st.lists(RATES, min_size=1, max_size=3, unique=True),
    "batch_size": COUNTS,
    "optimizer": WORDS,
    "schedule": st.sampled_from(["constant", "step:60:0.1", "multistep:80,90:0.1"]),
    "steps": st.sampled_from(["expanded", "nominal"]),
    "objective": st.sampled_from(["fused", "fused+unimodal"]),
    "encoders": st.dictionaries(NAMES, NAMES, max_size=3),
    "fusion": WORDS,
    "device": WORDS,
    "settings": st.dictionaries(NAMES, VALUES, max_size=3),
    "data_root": WORDS,
    "cache": WORDS,
    "jobs": COUNTS,
    "out": WORDS,
    "resume": st.booleans(),
    "engine": st.sampled_from(["local", "ray"]),
    "address": WORDS,
    "cpus_per_run": SHARES,
    "gpus_per_run": SHARES,
}
OWN = {
    "name": NAMES.filter(lambda name: not name.startswith("-")),
    "show": st.booleans(),
    "tiny": st.booleans(),
    "allow_missing": st.booleans(),
    "target": NAMES.filter(lambda name: not name.startswith("-")),
    "row": WORDS,
    "split": WORDS,
    "deep": st.booleans(),
    "settle": st.booleans(),
    "json": st.booleans(),
    "budget": WORDS,
    "write_plan": WORDS,
    "from_plan": WORDS,
    "index": COUNTS,
}
ONE = {
    "methods": st.lists(NAMES, min_size=1, max_size=1),
    "seeds": st.lists(COUNTS, min_size=1, max_size=1),
    "lr": RATES,
}


def arguments(name):
    """Values of some options of a command, of all that have to be given."""
    known = options_of(name).values()
    several = {option.name for option in known if option.flag in ("--methods", "--seeds")}
    several |= {option.name for option in known if option.metavar == "X[,Y]"}
    drawn = {**EVERY, **OWN, **{key: one for key, one in ONE.items() if key not in several}}
    needed = {option.name for option in known if option.required} | (
        {"seeds"} if name == "train" else set()
    )
    each = {option.name: drawn[option.name] for option in known}
    return st.fixed_dictionaries(
        {key: each.pop(key) for key in list(each) if key in needed}, optional=each
    )


def read(line):
    """What a line gives, as experiment, execution, and the command's own."""
    program, *words = shlex.split(line)
    assert program == "equimodal"
    found = options.given(parse(words))
    own = {key: found.pop(key) for key in list(found) if key in OWN}
    return *arranged(found), own


@pytest.mark.parametrize("name", COMMANDS)
@given(st.data())
def test_what_is_written_is_read_as_the_same_experiment(name, data):
    values = data.draw(arguments(name))
    own = {key: values.pop(key) for key in list(values) if key in OWN}
    experiment, execution = arranged(values)
    line = command(name, experiment, execution, **own)
    own = {key: value for key, value in own.items() if value is not False}  # a switch that is off
    *parts, found = read(line)
    assert found == own
    assert repr(parts) == repr([experiment, execution])  # in which 1, 1.0 and True differ


def test_every_option_of_every_command_is_tried():
    names = {name for command in COMMANDS for name in options_of(command)}
    assert names == EVERY.keys() | OWN.keys()


def test_what_is_at_its_default_is_not_written_but_for_the_data_and_the_seeds():
    assert command("compare", Experiment()) == "equimodal compare --data keypad --seeds 3"
    shown = command(
        "train", Experiment(methods=["amss"], seeds=[0], epochs=3), Execution(jobs=None)
    )
    assert shown == "equimodal train --data keypad --method amss --seed 0 --epochs 3"


def test_what_a_command_cannot_say_is_an_error():
    with pytest.raises(ValueError, match="equimodal diagnose takes no objective"):
        command("diagnose", Experiment(objective="fused+unimodal"))
    with pytest.raises(ValueError, match="too many values"):
        command("train", Experiment(methods=["joint", "amss"]))


def test_places_are_never_part_of_an_experiment():
    assert not set(PLACES) & set(vars(Experiment()))


CONFIG = {
    "data": "keypad",
    "data_settings": {"snr": 5.0, "detuning": 0.005},
    "methods": ["joint", "relearn"],
    "seeds": [3],
    "epochs": 12,
    "lr": [0.05],
    "batch_size": 64,
    "optimizer": "adam",
    "optimizer_settings": {"betas": [0.8, 0.99]},
    "schedule": "cosine to zero, per step",
    "objective": "fused",
    "settings": {"relearn": {"at": [0.5]}},
}


def test_what_results_state_is_the_experiment_that_made_them():
    assert stored_experiment(CONFIG) == Experiment(
        "keypad",
        methods=["joint", "relearn"],
        seeds=[3],
        epochs=12,
        lr=0.05,
        batch_size=64,
        optimizer="adam",
        settings={"keypad.snr": 5.0, "relearn.at": [0.5], "adam.betas": [0.8, 0.99]},
    )


def test_a_run_is_the_experiment_of_one_row_and_seed():
    run = {k: v for k, v in CONFIG.items() if k not in ("methods", "seeds")}
    found = stored_experiment(run | {"method": "relearn", "seed": 3, "lr": None, "settings": {}})
    assert (found.methods, found.seeds, found.lr) == (("relearn",), (3,), None)


def test_settings_of_a_table_stand_in_its_own_files():
    assert (
        "my.csv.size"
        not in stored_experiment(
            {**CONFIG, "data": "my.csv", "data_settings": {"size": 8}}
        ).settings
    )
