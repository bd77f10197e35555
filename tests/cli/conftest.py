"""Runs the command line in an empty folder and sees what it wrote."""

import shlex

import pytest

from equimodal.cli.main import main
from equimodal.comparison.engines.here import HereCrew

CREW = "equimodal.comparison.engines.crews.LocalCrew"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which the command line runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(folder, capsys):
    """Runs a line that must be refused: one line of error, exit code 2, not a byte changed."""

    def run(line, *words):
        before = contents(folder)
        capsys.readouterr()

        code = main(shlex.split(line))

        said = capsys.readouterr()
        assert code == 2, said
        assert said.err.startswith("equimodal: error: ")
        assert said.err.count("\n") == 1, said.err
        assert all(word in said.err for word in words), said.err
        assert contents(folder) == before
        assert said.out == ""

    return run


@pytest.fixture(scope="module")
def comparison(request, tmp_path_factory):
    """The finished results of the command line that a file names COMPARE, made once for it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(CREW, here)
        assert main(request.module.COMPARE.split()) == 0
    return folder / "results"


@pytest.fixture
def without_workers(monkeypatch):
    """Runs are trained in this process."""
    monkeypatch.setattr(CREW, here)


def here(*_):
    """A crew that trains in this process: no import of torch per worker."""
    return HereCrew()


def contents(folder):
    """Every file under a folder with its bytes, and every folder."""
    return {
        p.relative_to(folder): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")
    }
