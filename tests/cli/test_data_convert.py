"""`equimodal data convert` from the command line: what it prints, writes and refuses."""

import csv
import shutil
import subprocess
import sys
import time

import pytest

from equimodal.cli.main import main
from equimodal.data import converters
from equimodal.data.miniatures import cremad


@pytest.fixture
def root(folder):
    cremad.write(folder / "CREMA-D")
    return folder / "CREMA-D"


def test_a_manifest_is_written_and_counted(root, folder, capsys):
    line = "data convert cremad --data-root CREMA-D --out made/cremad.csv"

    assert main(line.split()) == 0
    said = capsys.readouterr()
    assert said.err == ""
    first, *notes = said.out.splitlines()
    assert first == "made/cremad.csv: 30 train, 6 validation, 12 test; 6 classes"
    assert notes == ["Split by the published lists my_train.csv, val.csv, test.csv."]
    with (folder / "made" / "cremad.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 48


def test_settings_are_those_of_the_converter(root, capsys):
    line = "data convert cremad --data-root CREMA-D --out my.csv --set cremad.split=actors"

    assert main([*line.split(), "--set", "cremad.seed=3"]) == 0
    assert "Split by actor (ours)" in capsys.readouterr().out


def test_what_is_left_out_is_a_warning(root, capsys):
    (root / "AudioWAV" / "1001_DFA_ANG_XX.wav").unlink()

    line = "data convert cremad --data-root CREMA-D --out my.csv --allow-missing"
    assert main(line.split()) == 0
    assert capsys.readouterr().err == "equimodal: warning: 1 samples left out\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("data convert", ["required: NAME, --data-root, --out", "equimodal data convert --help"]),
        ("data convert cremd --data-root . --out a.csv", ["no converter 'cremd'", "'cremad'?"]),
        (
            "data convert cremad --data-root . --out a.csv",
            ["holds no folder AudioWAV", "Expected there: AudioWAV/*.wav", "found nothing"],
        ),
        (
            "data convert cremad --data-root . --out a.csv --set split=usual",
            ["--set split does not belong to cremad", "--set cremad.KEY=VALUE"],
        ),
        ("data convert cremad --data-root . --out a.csv --sed 1", ["unknown argument '--sed'"]),
        ("data convert cremad --data-root . --out a.csv --jobs x", ["--jobs: found 'x'"]),
    ],
)
def test_a_line_that_cannot_be_honoured_is_refused(line, words, refused):
    refused(line, *words)


def test_missing_files_leave_nothing_behind(root, folder, refused):
    shutil.rmtree(root / "VideoFlash")
    (root / "VideoFlash").mkdir()

    refused("data convert cremad --data-root CREMA-D --out a.csv", "lacks 48 files", "(missing)")


@pytest.mark.parametrize("name", converters.names())
def test_a_set_with_a_converter_is_explained(name, capsys):
    assert main(["data", name]) == 0

    said = capsys.readouterr().out
    assert all(f"\n{fact} " in said for fact in ("files", "origin", "licence"))
    assert all(f"  {setting}=" in said for setting in converters.describe(name).settings)


def test_help_comes_at_once_and_without_torch():
    code = (
        "import sys; from equimodal.cli.main import main; main(['data', 'convert', '--help'])\n"
        "print(*({'torch', 'numpy', 'rich', 'av'} & set(sys.modules)), file=sys.stderr)"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("usage: equimodal data convert")
    assert done.stderr.strip() == ""
    assert time.monotonic() - started < 5
