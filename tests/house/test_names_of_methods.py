"""A method is named in `equimodal.methods` alone; recipes, which are about papers, name theirs."""

import ast
import re

import pytest

from equimodal.methods.entries import ENTRIES
from equimodal.methods.entry import BASELINE
from places import ROOT

SOURCE = ROOT / "src" / "equimodal"
EXCEPTIONS = {
    "__init__.py": "public names of today, for type checkers; more come from the registry",
    "functional.py": "the same",
    "data/converters/sets/cremad.py": "a division of the samples is called after its paper",
}
METHODS = [entry for entry in ENTRIES if entry.family != BASELINE]
BASELINES = {entry.target for entry in ENTRIES if entry.family == BASELINE}  # a control may be one
OWN = [entry for entry in METHODS if entry.target not in BASELINES]
NAMES = {e.name for e in METHODS} | {e.target.rpartition(":")[2] for e in OWN}
MODULES = {entry.module for entry in OWN}
WORD = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(NAMES, reverse=True)))})(?![\w-])")


def named(source, *, examples=False):
    """Names of methods in a file's code, its docstrings apart.

    With ``examples`` a name may stand within a text, such as the help of a command.
    """
    tree = ast.parse(source)
    documentation = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in documentation:
                found = WORD.fullmatch if examples else WORD.search
                yield from filter(None, [(m := found(node.value)) and m[0]])
        elif isinstance(node, ast.Name | ast.Attribute):
            identifier = node.id if isinstance(node, ast.Name) else node.attr
            yield from NAMES & {identifier}
        elif isinstance(node, ast.ImportFrom):
            yield from MODULES & {node.module}


FILES = [
    str(path.relative_to(SOURCE))
    for path in sorted(SOURCE.rglob("*.py"))
    if not {"methods", "recipes"} & set(path.relative_to(SOURCE).parts)
]


@pytest.mark.parametrize("file", [f for f in FILES if f not in EXCEPTIONS])
def test_no_method_is_named_outside_the_registry(file):
    source = (SOURCE / file).read_text(encoding="utf-8")
    assert list(named(source, examples=file.startswith(("cli/", "comparison/command/")))) == []


@pytest.mark.parametrize("file", EXCEPTIONS)
def test_an_exception_is_still_one(file):
    assert list(named((SOURCE / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 'amss'", ["amss"]),
        ("x = {'dus-rl': 1}", ["dus-rl"]),
        ("x = f'{y}: use AMSS, or not'", ["AMSS"]),
        ("x = module.DUSLearned()", ["DUSLearned"]),
        ("from equimodal.methods.dus import divide", ["equimodal.methods.dus"]),
        ("'''Of amss.'''\nx = 'joint'", []),
        ("x = 'dusk', 'an-amss-like'", []),
    ],
)
def test_a_name_is_found_in_code_and_not_in_docstrings(source, found):
    assert list(named(source)) == found


def test_examples_may_name_a_method_and_code_may_not():
    source = "x = '--set amss.tau=0.2'\ny = 'amss'"
    assert list(named(source, examples=True)) == ["amss"]
