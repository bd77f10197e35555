"""Files that are made: whole or not at all, each once, failures told, a full disk final."""

import io

import pytest
from rich.console import Console

from equimodal.data.converters.derive import derive
from equimodal.errors import BalanceError


def fails(target):
    target.write_text("half")
    raise ValueError("cannot\ngo on")


def full(target):
    target.write_text("half")
    raise OSError(28, "No space left on device")


def gone(target):
    raise FileNotFoundError(2, "No such file or directory", "source.avi")


def names(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_a_failure_is_told_and_leaves_no_half(tmp_path):
    wanted = {"a/1.txt": fails, "a/2.txt": lambda target: target.write_text("whole"), "3": gone}

    found = derive(tmp_path, wanted, jobs=2)

    assert found["a/1.txt"] == "ValueError: cannot go on"
    assert found["3"].startswith("FileNotFoundError") and "source.avi" in found["3"]
    assert names(tmp_path) == ["2.txt"]


def test_an_empty_file_is_made_again_and_a_full_one_is_not(tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "there").write_text("old")
    write = {name: lambda target: target.write_text("new") for name in ("empty", "there")}

    assert derive(tmp_path, write, jobs=1) == {}
    assert (tmp_path / "empty").read_text() == "new"
    assert (tmp_path / "there").read_text() == "old"


def test_a_full_disk_ends_the_whole(tmp_path):
    with pytest.raises(BalanceError, match=r"no space left to write .*1\.txt.*what came so far"):
        derive(tmp_path, {"1.txt": full}, jobs=1)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "derived").write_text("a file")

    with pytest.raises(BalanceError, match=r"derived/a' cannot be used .* check --data-root"):
        derive(tmp_path, {"derived/a/1": fails}, jobs=1)


def test_progress_is_shown_in_a_terminal_only(tmp_path):
    for terminal, expected in ((True, "making files"), (False, "")):
        shown = io.StringIO()
        console = Console(file=shown, force_terminal=terminal)
        derive(
            tmp_path / str(terminal), {"1": lambda t: t.write_text("x")}, jobs=1, console=console
        )
        assert expected in shown.getvalue()
        assert bool(shown.getvalue()) == terminal
