import importlib.util
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SOURCE = """
def total(a, b):
    return a + b


def product(a, b):
    return a * b
"""
TESTS = """
from pathlib import Path

import fake


def test_two_and_two_are_four():
    assert fake.total(2, 2) == 4


def test_two_by_one_is_two():
    assert fake.product(2, 1) == 2


def test_the_copy_alone_is_edited():
    assert Path(fake.__file__).is_relative_to(Path.cwd())
"""
LIST = """
method = "fake"
tests = [["tests/test_fake.py", "-k", "four"], ["tests/test_fake.py", "-k", "not four"]]

[files]
fake = "src/fake.py"

[[unchanged]]
name = "U1 a space more"
file = "fake"
old = 'def total(a, b)'
new = 'def total(a,  b)'
"""


@pytest.fixture(scope="module")
def mutations():
    spec = importlib.util.spec_from_file_location(
        "benchmarks_mutations", ROOT / "benchmarks" / "mutations.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree of one module, its tests and a list with an unchanged entry."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # pytest starts sooner without
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    files = {"src/fake.py": SOURCE, "tests/test_fake.py": TESTS, "pyproject.toml": ""}
    for name, text in {**files, "benchmarks/mutants/fake.toml": LIST}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def add(tree, name, old, new, kind="bugs"):
    """One more entry of the list."""
    entry = f"\n[[{kind}]]\nname = '{name}'\nfile = 'fake'\nold = '{old}'\nnew = '{new}'\n"
    with open(tree / "benchmarks" / "mutants" / "fake.toml", "a") as file:
        file.write(entry)


def ran(mutations, capsys, tree, *words):
    """Exit code and the lines of a run."""
    code = mutations.main(["--root", str(tree), *words])
    return code, capsys.readouterr().out.splitlines()


def test_every_edit_applies_to_the_tree_of_today(mutations, capsys):
    code, lines = ran(mutations, capsys, ROOT, "--check")

    assert code == 0, "\n".join(lines)


def test_every_list_has_an_unchanged_entry_and_eight_bugs(mutations):
    for file in (ROOT / "benchmarks" / "mutants").glob("*.toml"):
        kinds = [m.is_bug for m in mutations.read_list(file)]

        assert kinds.count(False) >= 1, file.name
        assert kinds.count(True) >= 8, file.name


def test_a_bug_that_a_test_sees_is_killed_and_one_that_none_sees_survives(mutations, capsys, tree):
    add(tree, "K1 difference", "a + b", "a - b")
    add(tree, "S1 quotient", "a * b", "a / b")

    code, lines = ran(mutations, capsys, tree)

    assert code == 1
    assert "survived" in lines[0] and "U1 a space more: 3 tests passed" in lines[0]
    assert "killed" in lines[1] and "test_fake.py::test_two_and_two_are_four" in lines[1]
    assert lines[3:] == [
        "1 of 2 bugs killed, 0 of them by time-out; 1 of 1 unchanged entries survived.",
        "Survivors:",
        "    fake: S1 quotient (3 tests passed)",
    ]
    assert (tree / "src" / "fake.py").read_text() == SOURCE


def test_all_is_well_where_each_bug_is_killed_by_one_of_its_tests(mutations, capsys, tree):
    add(tree, "K1 difference", "a + b", "a - b")
    add(tree, "K2 sum for a product", "a * b", "a + b")

    code, lines = ran(mutations, capsys, tree, "--jobs", "2")

    assert (code, len(lines)) == (0, 4)
    assert lines[3].startswith("2 of 2 bugs killed")


def test_no_bytecode_of_one_edit_is_left_for_the_next(mutations, tree):
    add(tree, "K1 difference", "a + b", "a - b")
    (tree / "src" / "__pycache__").mkdir()
    (tree / "src" / "__pycache__" / "fake.cpython-311.pyc").write_bytes(b"stale")
    copy = mutations.copied(tree, tree / "worker" / "tree")
    unchanged, bug = mutations.read_list(tree / "benchmarks" / "mutants" / "fake.toml")

    for mutant, word in ((bug, "killed"), (unchanged, "survived")):
        assert mutations.tried(mutant, copy, 600, threading.Event()).word == word
        assert (copy / "src" / "fake.py").read_text() == SOURCE
        assert not list(copy.rglob("*.pyc"))


def test_a_bug_that_hangs_is_killed_by_time_out_and_said_so(mutations, capsys, tree):
    add(tree, "H1 forever", "return a + b", "while True: pass")

    code, lines = ran(mutations, capsys, tree, "--only", "forever", "--limit", "1")

    assert code == 0
    assert "time-out" in lines[0]
    assert lines[1].startswith("1 of 1 bugs killed, 1 of them by time-out")


def test_an_unchanged_entry_that_is_killed_is_no_success(mutations, capsys, tree):
    (tree / "tests" / "test_fake.py").write_text(TESTS.replace("== 4", "== 5"))
    add(tree, "K1 difference", "a + b", "a - b")

    code, lines = ran(mutations, capsys, tree)

    assert code == 1
    assert "0 of 1 unchanged entries survived" in lines[2]
    assert lines[3].startswith("Unchanged, but killed")


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("import missing_module", "error"),  # the module of tests cannot be imported
        ("", "no tests ran"),
        ("import pytest\n\n@pytest.mark.skip\ndef test_four():\n    pass", "1 skipped"),
    ],
)
def test_tests_that_do_not_run_kill_nothing(mutations, capsys, tree, tests, why):
    (tree / "tests" / "test_fake.py").write_text(tests)
    add(tree, "K1 difference", "a + b", "a - b")

    code, lines = ran(mutations, capsys, tree, "K1")

    assert code == 1
    assert lines[1].startswith("0 of 1 bugs killed")
    assert lines[2] == "Errors:" and why in lines[3]


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        ("X1 gone", "a - b", "a + b", "holds its old text 0 times"),
        ("X2 twice", "(a, b)", "(b, a)", "holds its old text 2 times"),
        ("X3 nothing", "a + b", "a  + b", "changes no code"),
        ("X4 no code", "a + b", "a + (b", "is no Python"),
        ("U1 code of another", "a + b", "a - b", "U1: 2 entries have this code"),
    ],
)
def test_an_edit_that_cannot_be_made_is_named(mutations, capsys, tree, name, old, new, why):
    add(tree, name, old, new)

    code, lines = ran(mutations, capsys, tree, "--check")

    assert code == 1
    assert [why in line for line in lines] == [True, False]


def test_an_edit_that_does_not_apply_is_an_error_of_a_run_too(mutations, capsys, tree):
    add(tree, "X1 gone", "a - b", "a + b")

    code, lines = ran(mutations, capsys, tree, "--only", "gone")

    assert code == 1
    assert lines[1].startswith("0 of 1 bugs killed")
    assert lines[2] == "Errors:" and "holds its old text 0 times" in lines[3]


def test_files_that_have_moved_are_named(mutations, capsys, tree):
    add(tree, "K1 difference", "a + b", "a - b")
    (tree / "src" / "fake.py").rename(tree / "src" / "moved.py")
    (tree / "tests" / "test_fake.py").unlink()

    code, lines = ran(mutations, capsys, tree, "--check")

    assert code == 1
    assert sum("there is no src/fake.py" in line for line in lines) == 2
    assert any("there is no tests/test_fake.py" in line for line in lines)


def test_an_unchanged_entry_that_changes_code_is_named(mutations, capsys, tree):
    add(tree, "K1 difference", "a + b", "a - b")
    add(tree, "U2 difference", "a + b", "a - b", kind="unchanged")

    code, lines = ran(mutations, capsys, tree, "--check")

    assert code == 1 and "U2 difference: it is an unchanged entry, but changes code" in lines[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[bug]]\nname = 'K1'", "bug"),
        ("[[bugs]]\nname = 'K1 a'\nfile = 'fake'\nold = 'a'", "new"),
        ("[[bugs]]\nname = 'K1 a'\nfile = 'other'\nold = 'a'\nnew = 'b'", "other"),
    ],
)
def test_a_list_with_a_slip_is_refused(mutations, tree, text, why):
    with open(tree / "benchmarks" / "mutants" / "fake.toml", "a") as file:
        file.write(f"{text}\n")

    with pytest.raises(SystemExit, match=why):
        mutations.main(["--root", str(tree), "--check"])


def test_names_and_patterns_that_fit_nothing_are_refused(mutations, tree):
    add(tree, "K1 difference", "a + b", "a - b")

    with pytest.raises(SystemExit, match="no method and no code: amss"):
        mutations.main(["--root", str(tree), "amss"])
    with pytest.raises(SystemExit, match="no entry matches"):
        mutations.main(["--root", str(tree), "--only", "nonsense"])
