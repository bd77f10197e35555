"""A user's own table on the command line: explained, checked, compared, and every harm named."""

import json
import os
import pickle
import shlex
import zipfile

import numpy as np
import pytest
import soundfile

from cli.conftest import contents
from equimodal.cli.main import main
from equimodal.data.table.items.array_files import MOST_BYTES
from unit.data.table import media


@pytest.fixture
def mine(folder, tmp_path_factory, monkeypatch):
    """A table of 24 samples in the folder that the command line runs in."""
    monkeypatch.setenv("EQUIMODAL_CACHE", str(tmp_path_factory.mktemp("cache")))
    return media.samples(folder).parent


def checked(capsys, *options):
    code = main(["data", "check", "my.csv", *options])
    said = capsys.readouterr()
    return code, said.out, said.err


def found(capsys):
    """What a check finds, as (code, row, modality), and its exit code."""
    code, out, err = checked(capsys, "--json")
    report = json.loads(out)
    assert (code == 2) == bool(report["problems"])
    assert err.startswith("equimodal: error: my.csv has ") if code else not err
    problems = {(f["code"], f["row"], f["modality"]) for f in report["problems"]}
    warnings = {(f["code"], f["row"], f["modality"]) for f in report["warnings"]}
    return problems, warnings


def test_a_table_is_explained_without_reading_its_files(mine, capsys):
    assert main(["data", "my.csv"]) == 0

    said = capsys.readouterr().out
    assert said.startswith("my.csv: 24 samples of 2 classes (cat, dog)\n")
    assert "16 train, 4 validation, 4 test." in said
    assert "image: image (files; may declare size, channels" in said


def test_a_sound_table_is_checked_and_nothing_is_written(mine, capsys):
    before = contents(mine)

    code, out, err = checked(capsys)

    assert (code, err) == (0, "")
    assert contents(mine) == before
    assert os.listdir(os.environ["EQUIMODAL_CACHE"]) == []
    lines = out.splitlines()
    assert lines[0] == "my.csv: 24 rows, 2 classes"
    assert lines[1] == (
        "Split by ratios (70% train, 15% validation, 15% test), stratified by label, seed 0."
    )
    assert [line.split() for line in lines[3:7]] == [
        ["class", "train", "validation", "test"],
        ["cat", "8", "2", "2"],
        ["dog", "8", "2", "2"],
        ["all", "16", "4", "4"],
    ]
    assert "image: image, 24 of 24\n  as they come: 1x12x10 (24)" in out
    assert "seconds: 0.20 to 0.20, median 0.20" in out
    assert lines[-1] == "No problem: this can be trained on."


def test_a_check_as_json_holds_shapes_lengths_and_balance(mine, capsys):
    code, out, _ = checked(capsys, "--json")

    report = json.loads(out)
    assert code == 0
    assert report["rows"] == 24
    assert report["balance"]["train"] == {"cat": 8, "dog": 8}
    assert report["modalities"]["image"]["shapes"] == [[[1, 12, 10], 24]]
    assert report["modalities"]["sound"]["seconds"] == {
        "shortest": 0.2, "median": 0.2, "longest": 0.2
    }  # fmt: skip
    assert report["modalities"]["sound"]["settings"]["rate"] == 8000


def test_a_check_names_every_fault_with_its_row(mine, capsys):
    media.cut(mine / "0.png", 0.5)
    media.cut(mine / "1.wav", 0.5)
    (mine / "2.wav").write_bytes(b"")
    media.wav(mine / "3.wav", seconds=0)
    soundfile.write(mine / "4.wav", np.zeros(1600), 8000)
    (mine / "5.png").unlink()
    (mine / "6.png").write_bytes((mine / "6.wav").read_bytes())
    os.replace(media.png(mine / "x.jpg", seed=77), mine / "7.png")
    media.png(mine / "8.png", seed=8).rename(mine / "8 ü.png")
    text = (mine / "my.csv").read_text().replace("8.png", "8 ü.png", 1)
    text = text.replace("9.png", "../9.png", 1).replace("dog,11.png,11.wav", "dog,11.png,", 1)
    (mine / "my.csv").write_text("\ufeff" + text.replace(",", ";"), encoding="utf-8")

    problems, warnings = found(capsys)

    assert problems == {
        ("truncated", 2, "image"),
        ("truncated", 3, "sound"),
        ("empty", 4, "sound"),
        ("empty", 5, "sound"),
        ("missing", 7, "image"),
        ("unreadable", 8, "image"),
        ("outside", 11, "image"),
        ("cell", 13, "sound"),
    }
    assert warnings == {("silent", 6, "sound"), ("extension", 9, "image")}


def test_a_person_sees_the_first_faults_of_each_kind_and_how_many(mine, capsys):
    for index in range(7):
        (mine / f"{index}.png").unlink()

    code, out, err = checked(capsys)

    assert code == 2
    assert "problem: missing files (7)\n  row 2, image: there is no file '0.png'\n" in out
    assert "  and 2 more; --json shows all" in out
    assert "No problem" not in out
    assert err.startswith("equimodal: error: my.csv has 7 problems that make training wrong or imp")


def test_a_truncated_video_and_nan_in_features_are_named(mine, capsys):
    rows = []
    for index in range(24):
        media.video(mine / f"{index}.mp4", 5, value=4 * index, movflags="faststart")
        np.save(mine / f"{index}.npy", np.full(3, float(index)))
        rows.append([["cat", "dog"][index % 2], f"{index}.mp4", f"{index}.npy"])
    media.table(mine / "my.csv", rows, ("label", "video", "touch"))
    media.cut(mine / "4.mp4", 0.7)
    np.save(mine / "5.npy", np.array([1, np.nan, 2]))

    assert found(capsys) == ({("truncated", 6, "video"), ("finite", 7, "touch")}, set())


def test_a_misspelled_label_is_named_and_may_be_accepted(mine, capsys):
    text = (mine / "my.csv").read_text().replace("cat,22", "Cat,22", 1)
    (mine / "my.csv").write_text(text)

    problems, _ = found(capsys)
    assert ("typo", 24, None) in problems

    (mine / "my.yaml").write_text("allow: typo\n")
    problems, _ = found(capsys)
    assert ("typo", 24, None) not in problems


def test_content_in_two_splits_is_named(mine, capsys):
    for index in range(1, 24):
        (mine / f"{index}.wav").write_bytes((mine / "0.wav").read_bytes())

    problems, _ = found(capsys)

    assert {(code, modality) for code, _, modality in problems} == {("leakage", "sound")}


def test_harmful_files_are_named_and_never_run_or_unpacked(mine, capsys):
    rows = []
    for index in range(24):
        np.savez(mine / f"{index}.npz", np.full(3, float(index)))
        rows.append([["cat", "dog"][index % 2], f"{index}.png", f"{index}.npz"])
    rows[0][2] = "harm.pkl"
    media.table(mine / "my.csv", rows, ("label", "image", "touch"))

    class Harm:
        def __reduce__(self):
            return os.mkdir, ("mark",)

    for name in ("harm.pkl", "1.npz"):
        (mine / name).write_bytes(pickle.dumps(Harm()))
    np.savez(mine / "2.npz", np.array([Harm()], dtype=object))
    with zipfile.ZipFile(mine / "3.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        bomb.writestr("x.npy", bytes(MOST_BYTES + 1))

    problems, _ = found(capsys)

    assert problems == {
        ("pickle", 2, "touch"),
        ("pickle", 3, "touch"),
        ("pickle", 4, "touch"),
        ("large", 5, "touch"),
    }
    assert not (mine / "mark").exists()


def test_a_hundred_thousand_rows_are_checked(mine, capsys):
    rows = ((i % 7, f"{i} {i % 13}", f"{i / 3} 1.5 {i}") for i in range(100_000))
    media.table(mine / "my.csv", rows, ("label", "one", "two"))

    code, out, _ = checked(capsys, "--json")

    report = json.loads(out)
    assert (code, report["rows"], report["problems"]) == (0, 100_000, [])
    assert report["modalities"]["two"]["usable"] == 100_000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("data check", ["required: TABLE"]),
        ("data check keypad", ["'keypad' is no table", ".csv"]),
        ("data check none.csv", ["There is no file 'none.csv'"]),
        ("data my.csv --json", ["unknown argument '--json'"]),
        ("data check my.csv --data-root none", ["'none' is no folder"]),
        ("compare --data none.csv", ["There is no file 'none.csv'"]),
        ("train --data none.csv --method joint", ["There is no file 'none.csv'"]),
        ("compare --data my.csv --data-root none", ["'none' is no folder"]),
        ("compare --data my.csv --set my.snr=3", ["'my.snr' names a table", "`snr: VALUE`"]),
        ("compare --data my.csv --methods none", ["no row 'none'"]),
        ("compare --data my.xls", ["no data set 'my.xls'", "a table of your own (.csv"]),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(mine, refused, line, words):
    refused(line, *words)


def test_a_comparison_of_a_damaged_table_is_refused_before_anything_is_written(mine, refused):
    media.cut(mine / "0.png", 0.5)
    refused("compare --data my.csv", "row 2, image", "equimodal data check my.csv")


def test_a_table_is_compared_as_any_data_set_is(mine, capsys, without_workers):
    line = "compare --data my.csv --methods joint,dus,relearn,alone:sound --seeds 2 --epochs 2"

    assert main([*line.split(), "--batch-size", "8"]) == 0

    results = json.loads((mine / "results" / "my" / "results.json").read_text())
    assert results["config"]["data"] == "my.csv"
    assert results["data"]["sizes"] == {"train": 16, "validation": 4, "test": 4}
    assert {run["status"] for run in results["runs"]} == {"finished"}
    text = json.dumps(results)
    assert str(mine) not in text
    assert os.environ["EQUIMODAL_CACHE"] not in text
    assert "my.csv" in (mine / "results" / "my" / "report.html").read_text()


def test_one_run_on_a_table_is_the_comparisons_own(mine, capsys, without_workers):
    options = "--data my.csv --epochs 1 --batch-size 8"
    assert main(shlex.split(f"train {options} --method joint --seed 0")) == 0
    alone = json.loads((mine / "results/my/runs/joint/seed-0/result.json").read_text())

    assert main(shlex.split(f"compare {options} --methods joint --seeds 0, --resume")) == 0

    results = json.loads((mine / "results" / "my" / "results.json").read_text())
    assert results["runs"][0]["test"] == alone["test"]
    assert results["runs"][0]["seconds"] == alone["seconds"]


def test_a_table_that_changed_is_not_mixed_into_results_that_exist(mine, capsys, without_workers):
    line = shlex.split("compare --data my.csv --methods joint --seeds 1 --epochs 1 --batch-size 8")
    assert main(line) == 0
    assert main([*line, "--resume"]) == 0
    media.png(mine / "0.png", 200, seed=5)

    assert main([*line, "--resume"]) == 2

    assert "holds another comparison: data_settings was" in capsys.readouterr().err
