"""What one meets in the first minutes: names in capitals, one and several, what is said when."""

import io
import subprocess
import sys

import pytest
from rich.console import Console as Plain

from equimodal.cli.main import main
from equimodal.cli.parser import takes_seconds
from equimodal.comparison.progress import bars
from equimodal.errors import counted
from equimodal.storage.console import Console
from unit.data.table import media


@pytest.mark.parametrize(("line", "suggested"), [
    ("methods AMSS", "did you mean 'amss'"),
    ("methods Joint+Unimodal", "did you mean 'joint+unimodal'"),
    ("compare --methods DUS", "Did you mean 'dus'?"),
    ("compare --data KEYPAD", "Did you mean 'keypad'?"),
    ("compare --fusion GATED", "Did you mean 'gated'?"),
    ("COMPARE", "Did you mean 'compare'?"),
    ("data CREMAD", "Did you mean"),
    ("reproduce AMSS/Cremad", "Did you mean 'amss/cremad'?"),
])  # fmt: skip
def test_a_name_in_other_capitals_is_suggested(refused, line, suggested):
    refused(line, suggested)


@pytest.mark.parametrize("row", [
    "untrained", "alone:*", "alone:image", "ensemble", "joint:half-lr", "joint:double-lr",
])  # fmt: skip
def test_every_row_that_is_listed_is_explained(row, capsys):
    assert main(["methods", row]) == 0

    said = capsys.readouterr().out
    assert said.startswith(f"{row}: ") and "no method: it has no settings" in said


def test_a_set_of_official_files_hints_to_convert(refused):
    refused("compare --data cremad", "equimodal data convert cremad", "--data cremad.csv")


def test_one_is_one_and_several_are_several():
    words = [counted(n, "problem") for n in (0, 1, 2, 1200)]
    assert words == ["0 problems", "1 problem", "2 problems", "1,200 problems"]
    assert counted(1, "modality", "modalities") == "1 modality"


def test_a_table_of_one_modality_has_one(folder, refused):
    (folder / "my.csv").write_text("label,body\na,1 2\nb,2 3\n")
    refused("compare --data my.csv", "has 1 modality (body)")


def test_a_check_tells_each_problem_once(folder, capsys, monkeypatch):
    monkeypatch.setenv("EQUIMODAL_CACHE", str(folder / "cache"))
    media.samples(folder / "my")
    (folder / "my" / "3.png").unlink()

    assert main(["data", "check", "my/my.csv"]) == 2

    said = capsys.readouterr()
    assert said.err == (
        "equimodal: error: my/my.csv has 1 problem that makes training wrong or impossible, as "
        "listed above.\n"
    )
    assert (said.out + said.err).count("there is no file '3.png'") == 1
    assert "as they are kept: 1x12x10" in said.out


@pytest.mark.parametrize("width", [60, 70, 120])
def test_progress_never_cuts_its_numbers_off(width):
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    shown = bars(console, "{task.completed}/{task.total} {task.fields[note]}")
    note = "epochs, validation 0.912, 12:34 left"
    shown.add_task("joint+unimodal, seed 0, lr 0.03", total=20, completed=12, note=note)

    plain = Plain(file=io.StringIO(), width=width)
    plain.print(shown.get_renderable())

    assert f"12/20 {note}" in plain.file.getvalue()
    assert max(map(len, plain.file.getvalue().splitlines())) <= width


def test_a_command_that_loads_pytorch_says_so_at_once(folder):
    started = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "equimodal", "compare", "--fusion", "none"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    before = started.stderr.partition("equimodal compare: starting")[0]
    assert started.returncode == 2 and before != started.stderr
    assert not [line for line in before.splitlines() if line.endswith("| torch")]


def test_a_run_that_is_there_is_told_before_pytorch_is_loaded(folder):
    (folder / "r" / "runs" / "joint" / "seed-0").mkdir(parents=True)
    (folder / "r" / "runs" / "joint" / "seed-0" / "config.json").write_text("{}")
    line = ["train", "--method", "joint", "--out", "r"]
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "equimodal", *line],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert ended.returncode == 2 and "holds this run already; add --resume" in ended.stderr
    assert not [x for x in ended.stderr.splitlines() if x.endswith(("| torch", " numpy"))]


def test_what_only_lists_says_nothing_of_loading():
    lines = ("reproduce", "reproduce amss/cremad --show", "methods", "data keypad", "report r")
    assert not any(takes_seconds(line.split()) for line in lines)
    assert takes_seconds(["reproduce", "amss/cremad", "--tiny"])


def test_the_miniature_of_a_recipe_leaves_the_real_ones_folder_alone(folder, monkeypatch):
    from equimodal.experiments.recipes import run

    seen = []

    def refuse(folder, *, resume):
        seen.append(str(folder))
        raise run.BalanceError("stop")

    monkeypatch.setattr(run, "check_new", refuse)
    for tiny in (True, False):
        with pytest.raises(run.BalanceError, match="stop"):
            run.reproduce("amss/cremad", tiny=tiny)
    assert seen == ["results/amss/cremad-tiny", "results/amss/cremad"]
