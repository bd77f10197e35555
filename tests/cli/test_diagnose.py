"""`equimodal diagnose`: what it prints, and what it refuses."""

import json
import shutil

import pytest

from equimodal.cli.main import main
from equimodal.training import setup
from unit.diagnosis.conftest import trained_in
from unit.training.tiny import tiny_source

SCHEMA = "equimodal.recording/1"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """A folder with all rows of one seed."""
    with pytest.MonkeyPatch.context() as patch:
        setup._loaded.cache_clear()
        patch.setattr(setup, "load", tiny_source)
        folder = trained_in(tmp_path_factory.mktemp("diagnosed") / "tiny", seeds=(3,), epochs=1)
    setup._loaded.cache_clear()
    return folder


@pytest.fixture
def tiny(comparison, folder):
    """A copy of the finished runs in the current folder, as `tiny`."""
    return shutil.copytree(comparison, folder / "tiny")


def said(line, capsys):
    capsys.readouterr()
    assert main(line.split()) == 0
    return capsys.readouterr().out


def test_json_holds_what_the_text_says(tiny, capsys):
    text = said("diagnose tiny", capsys)
    found = json.loads(said("diagnose tiny --json", capsys))
    assert text.splitlines() == found["text"]
    assert found["schema"] == "equimodal.diagnosis/2"
    assert text.splitlines()[0] == "tiny, joint, 1 seed, 33 test samples, readout LinearSplit"


def test_the_exit_code_is_0_whatever_the_verdict(tiny, capsys):
    shutil.rmtree(tiny / "runs/alone-a")
    assert "verdict: no verdict: nothing can be said of a" in said("diagnose tiny", capsys)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("diagnose", ["found neither", "equimodal diagnose results/keypad"]),
        ("diagnose tiny --data keypad", ["found both"]),
        ("diagnose nothing", ["No folder 'nothing'", "found nothing", "--data keypad"]),
        ("diagnose tiny --epochs 3", ["--epochs belongs to --data", "leave it out"]),
        ("diagnose tiny --set keypad.snr=3", ["--set belongs to --data"]),
        ("diagnose tiny --row joit", ["no finished run of the row 'joit'", "mean 'joint'?"]),
        ("diagnose tiny --row alone:a", ["'alone:a' has one modality, a", "--row"]),
        ("diagnose tiny --split tets", ["test or validation", "'tets'"]),
        ("diagnose tiny --jsn", ["unknown argument '--jsn'", "Did you mean '--json'?"]),
        ("diagnose tiny/runs/alone-a/seed-3", ["has one modality, a"]),
        ("diagnose tiny/runs/joint", ["holds no runs and is no run", "seed-3"]),
        ("diagnose --data nonsense", ["nonsense"]),
        ("diagnose --data keypad --row nonsense --fusion film", ["nonsense"]),
        ("diagnose --data keypad --seeds none", ["how many seeds"]),
        ("diagnose --data keypad --epochs 0", ["epochs must be a whole number from 1", "found 0"]),
        ("diagnose --data keypad --seeds 0", ["Seeds must be how many", "found 0"]),
        ("diagnose tiny --epochs 0", ["--epochs belongs to --data"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_says_what_to_write(line, words, tiny, refused):
    refused(line, *words)


def test_an_empty_folder_and_unfinished_runs_are_told_apart(tiny, folder, refused):
    (folder / "empty").mkdir()
    refused("diagnose empty", "holds no runs and is no run: found nothing")
    for path in tiny.glob("runs/*/*/result.json"):
        path.unlink()
    refused("diagnose tiny", "no run is finished", "equimodal train --method joint --out tiny")
    refused("diagnose tiny/runs/joint/seed-3", "is not finished, or diverged", "--resume")


@pytest.mark.parametrize("name", ["config.json", "result.json", "records.json"])
@pytest.mark.parametrize("content", ["", "{", "[1]", '{"half": '])
def test_a_damaged_file_of_a_run_is_named(name, content, tiny, refused):
    (tiny / "runs/joint/seed-3" / name).write_text(content)
    refused("diagnose tiny", f"runs/joint/seed-3/{name}'", "damaged or incomplete")


def test_damaged_results_beside_the_runs_are_named(tiny, refused):
    (tiny / "results.json").write_text("{")
    refused("diagnose tiny", "results.json' is damaged", "compare --resume")


ROW = {"step": 0, "epoch": 0, "name": "score", "values": {"a": 0.5, "b": None}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["is no complete JSON"]),
        ("[]", ["is no record of schema", "found None"]),
        ('{"schema": "equimodal.results/1"}', ["found 'equimodal.results/1'"]),
        (json.dumps({"schema": SCHEMA}), ["is damaged"]),
        (json.dumps({"schema": SCHEMA, "modalities": ["a", "b"], "records": []}), ["is damaged"]),
        (json.dumps({"schema": SCHEMA, "modalities": ["a"], "records": [ROW]}), ["is damaged"]),
        (json.dumps({"schema": SCHEMA, "modalities": ["a", "b"], "records": [3]}), ["is damaged"]),
    ],
)
def test_a_file_that_is_no_record_is_refused(content, words, folder, refused):
    (folder / "file.json").write_text(content)
    refused("diagnose file.json", "'file.json'", *words)


def test_options_of_a_folder_are_refused_for_a_record(folder, refused):
    (folder / "file.json").write_text("{}")
    refused("diagnose file.json --row joint", "--row belongs to a folder")


def test_a_record_is_shown_without_a_verdict(folder, capsys):
    content = {"schema": SCHEMA, "modalities": ["a", "b"], "readout": None, "records": [ROW]}
    (folder / "file.json").write_text(json.dumps(content))
    text = said("diagnose file.json", capsys)
    assert "file.json, 1 updates of a, b" in text
    assert "a 0.5 to 0.5, b - to -" in text
    assert "verdict: not possible from records alone" in text


def test_a_data_set_is_trained_and_diagnosed_and_shown_again(
    folder, capsys, without_workers, monkeypatch
):
    for place in ("equimodal.data.load", "equimodal.training.setup.load"):
        monkeypatch.setattr(place, tiny_source)
    monkeypatch.setattr("equimodal.data.ready", lambda name, *_, **__: (name, None))
    monkeypatch.setattr("equimodal.comparison.plan.check_settings", lambda *_: None)
    line = "diagnose --data tiny --seeds 1 --epochs 1 --json"
    first = said(line, capsys)
    found = json.loads(first)
    assert found["source"]["data"] == "tiny" and found["missing"] == []
    assert (folder / "results/diagnose-tiny/results.json").is_file()
    assert set(found["verdict"]["cost"]["ahead"]) >= {"ensemble", "joint+unimodal"}
    assert found["notes"] == [
        "one seed: intervals speak of this training alone",
        "intervals take each of the 33 test samples of a seed as a unit",
        "generated",
    ]
    monkeypatch.setattr("equimodal.comparison.engines.crews.LocalCrew", None)
    assert json.loads(said(f"{line} --resume", capsys)) == found
    assert main(line.split()) == 2
    assert "holds results already" in capsys.readouterr().err


def test_what_a_verdict_lacks_is_trained_on_request(tiny, capsys, without_workers, monkeypatch):
    for place in ("equimodal.data.load", "equimodal.training.setup.load"):
        monkeypatch.setattr(place, tiny_source)
    monkeypatch.setattr("equimodal.data.sources.ready", lambda name, *_, **__: (name, None))
    shutil.rmtree(tiny / "runs/alone-a")
    before = said("diagnose tiny", capsys)
    assert "equimodal diagnose tiny --settle" in before
    after = said("diagnose tiny --settle --jobs 1", capsys)
    assert (tiny / "runs/alone-a/seed-3/result.json").is_file()
    assert "a: no verdict: it was not trained alone" in before
    assert "a: no verdict: it was not trained alone" not in after
    assert said("diagnose tiny", capsys) == after


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("diagnose --data keypad --settle", ["--settle belongs to a folder"]),
        ("diagnose tiny --jobs 2", ["--jobs belongs to --data"]),
        ("diagnose tiny --settle --epochs 3", ["--epochs belongs to --data"]),
    ],
)
def test_settling_is_of_a_folder(line, words, tiny, refused):
    refused(line, *words)
