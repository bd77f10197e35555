"""What the registry says of costs, needs and targets is what a training shows."""

import ast
import re

import pytest

from contract.facts import measured_cost, needed, taken
from equimodal import BalanceError, methods
from equimodal.methods.entry import Entry
from equimodal.methods.facts import ANY, COSTS, NEEDS, told_cost, told_needs, told_targets

NAMES = methods.names()
OURS = [n for n in NAMES if not methods.entry(n).package]
pytestmark = pytest.mark.filterwarnings("ignore:.*batches are paired")


@pytest.mark.parametrize("name", OURS)
def test_a_method_takes_the_targets_that_its_entry_names_and_no_others(name):
    assert methods.entry(name).targets == taken(name)


@pytest.mark.parametrize("name", OURS)
def test_a_method_is_refused_without_what_its_entry_names_and_nothing_else(name):
    assert methods.entry(name).needs == needed(name)


@pytest.mark.parametrize("name", OURS)
def test_a_training_costs_what_its_entry_names(name):
    assert methods.entry(name).cost == measured_cost(name)


SELECTS = re.compile(r"`([a-z_]+)=([^`]+)`")
TOLD = [
    (n, *found)
    for n in OURS
    for e in [methods.entry(n)]
    if not e.is_control
    for found in SELECTS.findall(f"{e.released} {e.port}")
]


@pytest.mark.parametrize(("name", "argument", "value"), TOLD)
def test_the_argument_that_selects_a_deviation_is_one_and_changes_something(name, argument, value):
    value = {"true": True, "false": False}.get(value) if value in ("true", "false") else value
    value = ast.literal_eval(value) if isinstance(value, str) else value
    usual = {**methods.settings(name), **methods.window_settings(name)}
    assert argument in usual
    method = methods.create(name, **{argument: value})
    assert usual[argument] != value
    assert method.config()[argument] == value


def test_deviations_are_told_in_a_line():
    for name in OURS:
        entry = methods.entry(name)
        for told in (entry.released, entry.port):
            assert len(told) <= 240 and not told.endswith("."), (name, told)


def test_words_are_short_and_a_composition_has_those_of_its_parts():
    both = methods.entry("amss~relearn")
    assert both.cost == ("own logits", "gradients", "epoch", "memory")
    assert both.needs == ("readout", "encoder modules", "train loader", "val loader", "epochs")
    assert both.targets == methods.entry("relearn").targets
    assert told_targets(both) == "any target but tokens"
    assert (told_cost(methods.entry("joint")), told_needs(methods.entry("joint"))) == (
        "as joint", "nothing",
    )  # fmt: skip
    assert told_targets(methods.entry("pmr")) == "one class a sample"


@pytest.mark.parametrize(("field", "known"), [("cost", COSTS), ("needs", NEEDS), ("targets", ANY)])
def test_a_word_that_is_none_of_them_is_refused(field, known):
    said = f"A word of {field} of x must be one of {next(iter(known))}"
    with pytest.raises(BalanceError, match=said):
        Entry("x", "does", "a:B", **{field: ("nonsense",)})
