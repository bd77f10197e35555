"""The package of docs/your-own-method.md, installed beside this library, is a full citizen."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

from equimodal import BalanceError, compare, methods
from equimodal.cli.main import main
from equimodal.diagnosis.advice import advice
from equimodal.experiments.choice import space
from equimodal.methods import plugins
from places import ROOT
from unit.diagnosis.test_advice import VERDICT
from unit.experiments.conftest import tiny, tiny_plans

__all__ = ["tiny", "tiny_plans"]

PAGE = (ROOT / "docs" / "your-own-method.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
ROWS = ("turns-even", "turns")


def install(folder, files):
    """What pip leaves of a package: its files, and beside them a folder with its metadata."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    (points,) = project["entry-points"].values()
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"{name} = {value}" for name, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *lines]))
    return folder


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs files as a package that this process finds."""

    def found(files, name="site"):
        monkeypatch.syspath_prepend(install(tmp_path / name, files))
        plugins.found.cache_clear()
        methods._tell_of_troubles.cache_clear()

    before = set(sys.modules)
    yield found
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("turns", "other"):
            del sys.modules[name]
    plugins.found.cache_clear()
    methods._tell_of_troubles.cache_clear()


def package(entries, name="equimodal-other"):
    """The files of a package whose entry point gives ``entries``, as source."""
    return {
        "pyproject.toml": f"[project]\nname = '{name}'\nversion = '1'\n"
        f"[project.entry-points.'{plugins.GROUP}']\nx = 'other:ENTRIES'\n",
        "other.py": f"from equimodal.methods import Entry\nENTRIES = {entries}\n",
    }


def test_its_rows_stand_behind_ours_and_are_explained(installed, capsys):
    ours = methods.names()
    installed(FILES)

    assert methods.names() == (*ours, *ROWS)
    assert main(["methods"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^alternation:\n(  .*\n)*  turns-even +all gradients", said, re.MULTILINE)
    assert main(["methods", "turns"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "control turns-even, the row without its own idea" in said
    assert "package equimodal-turns settings" in said
    assert "rest=0.5 factor on the gradients of an encoder out of turn" in said
    assert "`choose` searches 0.05 to 0.9." in said


def test_listing_its_rows_imports_neither_its_class_nor_torch(tmp_path):
    code = (
        "import sys; from equimodal.cli.main import main; main(['methods'])\n"
        "sys.exit(bool({'torch', 'turns.method'} & set(sys.modules)))"
    )
    done = run_with(install(tmp_path, FILES), ["-c", code])
    assert (done.returncode, "turns-even" in done.stdout) == (0, True), done.stderr


def test_it_is_advised_and_searched_where_it_says_that_it_fits(installed):
    installed(FILES)

    tips = {tip["method"]: tip for tip in advice(VERDICT)}
    why = "takes turns, so that sound also learns while image rests"
    assert tips["turns"]["reason"] == f"not tried here: {why}"
    assert tips["turns"]["controls"] == ["turns-even"]
    rows = space.candidates({"advice": list(tips.values()), "verdict": {"sure": 1.0}})
    assert "turns" in rows
    assert space.default("turns") == {"row": "turns", "turns.rest": 0.5}


def test_it_combines_with_a_method_of_ours(installed):
    installed(FILES)
    made = methods.create("turns~relearn", **{"turns.rest": 0.1})
    assert [type(p).__name__ for p in made.parts] == ["Turns", "DiagnoseRelearn"]


def test_it_is_compared_and_reported(installed, tiny, tiny_plans, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    installed(FILES)
    results = compare(
        "tiny", methods=["joint", *ROWS], seeds=2, epochs=2, lr=0.1, here=True,
        settings={"turns.rest": 0.2}, progress=False,
    )  # fmt: skip

    assert results["summary"]["turns"]["difference_to_control"]["mean"] is not None
    assert {run["status"] for run in results["runs"]} == {"finished"}
    page = (tmp_path / "results" / "tiny" / "report.html").read_text(encoding="utf-8")
    assert "turns-even" in page


@pytest.mark.processes
def test_processes_that_train_find_it(tmp_path):
    out = tmp_path / "out"
    site = install(tmp_path / "site", FILES)
    command = ["compare", "--methods", "joint,turns-even,turns", "--epochs", "1", "--seeds", "2"]
    done = run_with(site, ["-m", "equimodal", *command, "--out", str(out)])

    assert done.returncode == 0, done.stderr
    results = json.loads((out / "results.json").read_text())
    assert {(r["method"], r["status"]) for r in results["runs"]} == {
        (row, "finished") for row in ("joint", *ROWS)
    }
    assert "turns" in done.stdout


@pytest.mark.processes
def test_the_contract_tests_find_it_and_hold(tmp_path):
    (line,) = re.findall(r"^python (-m pytest .*)$", PAGE, re.MULTILINE)
    done = run_with(install(tmp_path, FILES), [*shlex.split(line), "-q", "-p", "no:cacheprovider"])

    assert done.returncode == 0, done.stdout[-4000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


def run_with(site, arguments):
    """A Python process in the checkout that has the package on its path."""
    path = os.pathsep.join([str(site), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


BROKEN = {
    "no module": ("__import__('absent_module')", "ModuleNotFoundError: No module named 'absent_"),
    "no entry": ("'turns'", "its entry point must be an Entry or a list of them, found str"),
    "ends the process": ("exit(3)", "SystemExit: 3"),
    "taken": ("Entry('amss', '', 'x:X')", "the name 'amss' is taken by a method of 'equimodal'"),
    "twice": ("2 * [Entry('x', '', 'x:X')]", "the name 'x' is taken by a method of 'itself'"),
    "row": ("Entry('ensemble', '', 'x:X')", "'ensemble' cannot be a method's name"),
    "spelling": ("Entry('a~b', '', 'x:X')", "'a~b' cannot be a method's name; write lower-case"),
    "control": ("Entry('x', '', 'x:X', controls=('y',))", "'y', a control of 'x', is not"),
    "target": ("Entry('x', '', 'x.X')", "The target of x must be module:Class; found 'x.X'"),
    "objective": ("Entry('x', '', 'x:X', objective='none')", "The objective of x must be one of"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_package_is_left_out_with_one_warning_that_names_it(case, installed):
    source, said = BROKEN[case]
    ours = methods.names()
    installed(package(source))
    with pytest.warns(UserWarning) as caught:
        assert methods.names() == ours
        methods.names()

    (warning,) = caught
    assert f"The package 'equimodal-other' adds no methods: {said}" in str(warning.message)
    assert methods.create("amss")
    with pytest.raises(BalanceError, match="'equimodal-other' adds no methods"):
        methods.create("turns")


def test_a_broken_package_takes_nothing_from_another(installed):
    installed(package("Entry('turns', '', 'x:X')", name="zebra"), "first")
    installed(FILES, "second")
    with pytest.warns(UserWarning, match="'zebra' adds no methods: the name 'turns' is taken by a"
                      " method of 'equimodal-turns'"):  # fmt: skip
        assert set(ROWS) < set(methods.names())


def test_a_class_that_cannot_be_imported_names_its_package_when_it_is_used(installed):
    installed(package("Entry('x', '', 'absent_module:X')"))

    assert "x" in methods.names()
    with pytest.raises(BalanceError, match="'x' of the package 'equimodal-other' cannot be impor"):
        methods.create("x")


def test_help_is_not_touched_by_a_broken_package_and_the_list_says_it_in_one_line(tmp_path):
    site = install(tmp_path, package("__import__('absent_module')"))
    helped = run_with(site, ["-m", "equimodal", "--help"])
    listed = run_with(site, ["-m", "equimodal", "methods"])

    assert (helped.returncode, helped.stderr) == (0, "")
    (line,) = listed.stderr.splitlines()
    assert line.startswith("equimodal: warning: The package 'equimodal-other' adds no methods: ")
    assert "amss" in listed.stdout
