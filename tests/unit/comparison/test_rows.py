import ast

import pytest

from equimodal import methods
from equimodal.comparison import rows as home
from equimodal.comparison.rows import controls_of, expand_rows, slug
from equimodal.errors import BalanceError
from places import ROOT

MODALITIES = ("image", "sound", "touch")
ALONE = ("alone:image", "alone:sound", "alone:touch")


def test_the_default_rows_are_the_floor_the_baselines_and_every_method():
    rows = expand_rows(None, MODALITIES)
    standing = [n for n in methods.names() if not methods.entry(n).on_request]
    assert rows == ("untrained", *ALONE, "ensemble", *standing)


def test_rows_stay_in_the_order_in_which_they_are_asked_for():
    rows = expand_rows(["amss", "untrained", "joint:half-lr", "alone:sound"], MODALITIES)
    assert rows == ("amss", "untrained", "joint:half-lr", "alone:sound")


def test_the_star_stands_for_every_modality():
    assert expand_rows(["alone:*", "joint"], MODALITIES) == (*ALONE, "joint")


def test_an_ensemble_brings_the_rows_that_it_is_made_of():
    assert expand_rows(["joint", "ensemble"], MODALITIES) == ("joint", *ALONE, "ensemble")
    rows = expand_rows(["alone:sound", "ensemble"], MODALITIES)
    assert rows == ("alone:sound", "alone:image", "alone:touch", "ensemble")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["joint", "amms"], "no row 'amms'.*Did you mean 'amss'"),
        (["alone:smell"], "no row 'alone:smell'; write some of untrained, alone:image"),
        (["joint", "amss", "joint"], "'joint' is asked for twice"),
        (["alone:*", "alone:image"], "'alone:image' is asked for twice"),
        ([], "at least one row"),
    ],
)
def test_wrong_rows_are_answered_with_what_to_write(given, message):
    with pytest.raises(BalanceError, match=message):
        expand_rows(given, MODALITIES)


def test_a_method_is_held_against_its_control():
    assert controls_of("amss")[0] == "amss-fixed"
    assert controls_of("joint") == controls_of("ensemble") == controls_of("alone:image") == ()


def test_controls_are_default_rows_but_are_not_added_to_those_that_were_asked_for():
    standing = [n for n in methods.names() if not methods.entry(n).on_request]
    listed = {control for name in standing for control in controls_of(name)}
    assert listed <= set(expand_rows(None, MODALITIES))
    assert expand_rows(["dus", "amss"], MODALITIES) == ("dus", "amss")


def test_folders_are_plain_and_differ_for_every_row():
    assert slug("alone:sound") == "alone-sound"
    assert slug("amss+") == "amss-plus"
    assert slug("amss+-fixed") == "amss-plus-fixed"
    assert slug("joint+unimodal") == "joint-plus-unimodal"
    assert slug("alone:my sound/1") == "alone-my-sound-1"
    rows = (*expand_rows(None, MODALITIES), "joint:half-lr", "joint:double-lr")
    assert len({slug(row) for row in rows}) == len(rows)


SPELLED = {"joint", home.ENSEMBLE, home.UNIMODAL, home.UNTRAINED, *home.RATE_FACTORS}
MAY_SPELL = {
    "comparison/rows.py": SPELLED | {home.ALONE},
    "training/config.py": SPELLED | {home.ALONE},
    "methods/entries.py": {"joint", "joint+unimodal"},  # registers these two
    "methods/plugins.py": {"untrained", "ensemble"},  # no package may take these names
    # A field of a diagnosis, and an argument of `equimodal.diagnose`.
    "diagnosis/verdict.py": {"untrained"},
    "diagnosis/text.py": {"untrained"},
    "report/page/verdict_section.py": {"untrained"},
    "diagnosis/own_model/findings.py": {"untrained"},
}


def spelled(tree):
    """Names of rows among the strings of a file: whole ones, and what stands before a modality."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str):
            yield from {text} & SPELLED
            yield from [home.ALONE] if text.startswith(home.ALONE) else []


def test_a_spelled_row_is_found():
    text = "x = f'alone:{m}', 'joint:half-lr', 'trained alone: no', 'the joint row'"
    assert sorted(spelled(ast.parse(text))) == ["alone:", "joint:half-lr"]


def test_rows_are_spelled_in_one_place():
    source = ROOT / "src" / "equimodal"
    # What papers published stands there under the name of a method, as its recipe writes it, and
    # a paper's own quantity may be called joint.
    own = [source / "experiments" / "recipes", source / "methods"]
    files = set(source.rglob("*.py")) - {path for place in own for path in place.rglob("*.py")}
    found = {
        name: names - MAY_SPELL.get(name, set())
        for path in files
        for name in [path.relative_to(source).as_posix()]
        for names in [set(spelled(ast.parse(path.read_text())))]
    }
    assert {name: names for name, names in found.items() if names} == {}


def test_field_stands_for_every_row_and_the_default_leaves_some_to_it():
    every, default = expand_rows(["field"], ["a"]), expand_rows(None, ["a"])
    on_request = {n for n in methods.names() if methods.entry(n).on_request}
    assert set(every) == {"untrained", "alone:a", "ensemble", *methods.names()}
    assert on_request and set(default) == set(every) - on_request
    with pytest.raises(BalanceError, match=r"'field' stands for every row.*field, amss"):
        expand_rows(["field", "amss"], ["a"])


def test_the_default_rows_are_the_baselines_and_the_first_methods():
    assert expand_rows(None, ["a"]) == (
        "untrained", "alone:a", "ensemble", "joint", "joint+unimodal", "amss-fixed", "amss-scale",
        "amss-uniform", "amss", "amss+-fixed", "amss+", "dus-uniform", "dus", "dus-rl",
        "relearn-fixed", "relearn",
    )  # fmt: skip
