import inspect
from dataclasses import replace

import pytest

import equimodal
from equimodal import BalanceError, Method, functional, methods
from equimodal.comparison.rows import expand_rows
from equimodal.methods import plugins
from equimodal.methods.entry import AHEAD, BASELINE
from equimodal.models import FUSIONS


def test_the_methods_of_the_first_issue_are_registered():
    assert set(methods.names()) >= {
        "joint", "joint+unimodal", "amss", "amss-fixed", "amss-scale", "amss-uniform",
        "amss+", "amss+-fixed", "dus", "dus-uniform", "dus-rl", "relearn", "relearn-fixed",
    }  # fmt: skip


@pytest.mark.parametrize("name", methods.names())
def test_a_method_keeps_its_arguments_under_their_names_and_shows_them(name):
    method = methods.create(name)
    assert isinstance(method, Method)
    windows = methods.window_settings(name) if method.window.needs_epochs else {}
    assert windows | methods.settings(name) == method.config()
    for argument, value in method.config().items():
        assert f"{argument}={value!r}" in repr(method)


@pytest.mark.parametrize("name", methods.names())
def test_every_argument_can_be_set_and_is_explained(name):
    documented = inspect.getdoc(methods.load(name)) or ""
    for argument, value in methods.settings(name).items():
        assert methods.create(name, **{argument: value}).config()[argument] == value
        assert argument in documented or argument in methods.window_settings(name), argument


@pytest.mark.parametrize("name", methods.names())
def test_controls_are_rows_too_and_a_preset_is_only_made_of_arguments(name):
    entry = methods.entry(name)
    assert entry.name == name
    windows = set(methods.window_settings(name))
    assert set(entry.preset) - windows <= set(inspect.signature(methods.load(name)).parameters)
    for control in map(methods.entry, entry.controls):
        assert control.is_control or control.family in (entry.family, BASELINE)
    assert not (entry.is_control and entry.controls)
    assert entry.objective in ("any", "own")
    assert (entry.objective == "own") == (methods.load(name).objective is not None)


def test_methods_stand_behind_their_controls_each_row_once(monkeypatch):
    dus = replace(methods.entry("dus"), controls=("dus-uniform", "amss-fixed"))
    monkeypatch.setitem(methods._REGISTRY, "dus", dus)
    rows = ("dus-uniform", "amss-fixed", "dus", "dus-rl")
    assert methods.with_controls("dus", "dus-rl") == rows


def test_methods_share_no_state():
    one, other = methods.create("amss"), methods.create("amss")
    one.state["x"] = 1
    assert other.state == {}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: methods.create("amms"),
            ["Unknown method 'amms'", "did you mean 'amss'", "dus-rl"],
        ),
        (
            lambda: methods.create("fused+unimodal"),
            ["it is an objective", "objective='fused+unimodal' to Balancer", "'joint+unimodal'"],
        ),
        (lambda: expand_rows(["fused"], ["a"]), ["objective, the loss", "--objective fused on"]),
        (lambda: methods.settings("zzz"), ["Unknown method 'zzz'", "Known: joint,"]),
        (
            lambda: methods.create("dus", gama=1),
            ["dus has no setting 'gama'", "did you mean 'gamma'"],
        ),
        (lambda: methods.create("joint", tau=1), ["joint has no setting 'tau'", "Known: none"]),
    ],
)
def test_unknown_names_say_what_was_meant(call, words):
    with pytest.raises(BalanceError) as error:
        call()
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("name", methods.names())
def test_the_package_and_functional_offer_its_class_and_its_functions(name):
    kind = methods.load(name)
    assert getattr(equimodal, kind.__name__) is kind and kind.__name__ in dir(equimodal)
    for place in methods.entry(name).functions:
        function = place.partition(":")[2]
        assert callable(getattr(functional, function)) and function in functional.__all__


def test_our_entries_pass_the_check_of_other_packages():
    plugins._check([methods.entry(n) for n in methods.names()], [])


@pytest.mark.parametrize("name", methods.names())
def test_what_an_entry_says_of_its_class_and_its_cases_holds(name):
    entry = methods.entry(name)
    assert set(entry.quick) <= set(methods.settings(name))
    assert not entry.summary.endswith(".")
    for fit in entry.fits:
        assert fit.reason.format(starved="s", ahead="a")
        assert fit.case == AHEAD or "{ahead}" not in fit.reason


BRINGING = [n for n in methods.names() if methods.entry(n).fusion]


@pytest.mark.parametrize("name", BRINGING)
def test_a_row_with_a_fusion_of_its_own_is_joint_training_of_it_or_has_a_control_that_is(name):
    entry = methods.entry(name)
    assert entry.fusion in FUSIONS
    same = [row for row in (name, *entry.controls) if methods.entry(row).fusion == entry.fusion]
    assert entry.is_control or any(not methods.window_settings(row) for row in same)


def test_a_row_that_reads_models_trained_alone_has_them_put_before_it(monkeypatch):
    reading = replace(methods.entry("relearn"), depends=("alone:*",))
    monkeypatch.setitem(methods._REGISTRY, "relearn", reading)
    rows = expand_rows(["alone:b", "relearn"], ["a", "b"])
    assert rows == ("alone:b", "alone:a", "relearn")
    assert expand_rows(["amss~relearn"], ["a"]) == ("alone:a", "amss~relearn")
    assert expand_rows(["amss"], ["a"]) == ("amss",)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"target": "amss"}, "target of x must be module:Class; found 'amss'"),
        ({"objective": "fused"}, "objective of x must be one of any, own; found 'fused'"),
        ({"fits": (methods.Fit("always", "why"),)}, "case that x fits must be one of a modality"),
        ({"main": methods.Range("tau", 0.0, 1.0)}, "range of x must be 0 < low < high; found"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(wrong, words):
    with pytest.raises(BalanceError, match=words.replace("(", r"\(")):
        methods.Entry(**{"name": "x", "summary": "", "target": "x:X"} | wrong)
