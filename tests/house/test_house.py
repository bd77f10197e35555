"""The house of docs/architecture.md: no cycles, small files, few in a folder.

The floors themselves are contracts of import-linter in pyproject.toml; `make check` runs both.
"""

import ast
import re

import pytest
from vulture import Vulture

from places import ROOT

SOURCE = ROOT / "src" / "equimodal"
FILES = sorted(SOURCE.rglob("*.py"))
MOST_IN_THE_ROOT = 6
MOST_IN_A_FOLDER = 16
FUNCTION_LINES, FILE_LINES, EXCEPTION_LINES = 40, 250, 350
# Longer than they should be, and why they stay so; none is longer than EXCEPTION_LINES.
LONGER_FILES = {
    "balancing/balancer.py": "the one class that users meet: 140 lines are its reference",
}
LONGER_FUNCTIONS: dict[str, str] = {}
# What Python, a host, a reader of attributes or a loader by name uses.
USED_BY_OTHERS = [
    "__getattr__", "__dir__", "find_class", "persistent_load", "on_*",
    "handwritten", "keypad", "mosi",
    "pix_fmt", "bit_rate", "pts", "sample_rate", "pooler", "caption_justify", "pre_tokenizer",
]  # fmt: skip


def module_of(path):
    """Dotted name of a file."""
    parts = ("equimodal", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def executed(node):
    """All nodes but those under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from executed(child)


def imported(path):
    """Modules of ours that a file imports, in functions too."""
    found = set()
    for node in executed(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in MODULES else node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found & MODULES.keys()


def cycle(arrows):
    """Nodes of one cycle in a graph {node: successors}, or nothing."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node) :]
        if node in done:
            return []
        path.append(node)
        found = next(filter(None, map(visit, sorted(arrows[node]))), [])
        path.pop()
        done.add(node)
        return found

    return next(filter(None, map(visit, sorted(arrows))), [])


def test_a_cycle_is_found_where_there_is_one():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_file_imports_itself_through_others():
    assert cycle({name: imported(path) - {name} for name, path in MODULES.items()}) == []


def test_the_root_holds_few_files():
    assert len(list(SOURCE.glob("*.py"))) <= MOST_IN_THE_ROOT


def test_no_folder_holds_many_files():
    folders = {path.parent for path in FILES} - {SOURCE / "methods"}
    many = {f: n for f in folders if (n := len(list(f.glob("*.py")))) > MOST_IN_A_FOLDER}
    assert not many


def test_files_are_short():
    lines = {str(p.relative_to(SOURCE)): p.read_text().count("\n") for p in FILES}
    long = {name: n for name, n in lines.items() if n > FILE_LINES}
    assert long.keys() == LONGER_FILES.keys()
    assert all(n <= EXCEPTION_LINES for n in long.values())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_functions_are_short(path):
    long = {
        f"{module_of(path)}.{node.name}": length
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and (length := code_lines(node)) > FUNCTION_LINES
    }
    assert long.keys() <= LONGER_FUNCTIONS.keys()


def code_lines(function):
    """Lines of a function's body without its docstring."""
    first = function.body[1 if ast.get_docstring(function) and function.body[1:] else 0]
    return function.end_lineno - first.lineno + 1


def read_by_templates():
    """Names of the attributes that the page's templates read."""
    return {n for p in SOURCE.rglob("*.html") for n in re.findall(r"[\w\])]\.(\w+)", p.read_text())}


def test_nothing_is_there_that_nobody_uses():
    finder = Vulture(ignore_names=[*USED_BY_OTHERS, *read_by_templates()])
    finder.scavenge([str(ROOT / name) for name in ("src", "tests", "benchmarks", "examples")])
    unused = [u for u in finder.get_unused_code(60) if SOURCE in u.filename.parents]

    assert [f"{u.filename.relative_to(ROOT)}:{u.first_lineno} {u.name}" for u in unused] == []
