"""`equimodal reproduce`: what it lists and prints, and what is wrong in one line."""

import pytest

from equimodal.cli.main import main
from equimodal.experiments import recipes
from equimodal.experiments.recipes.shown import configuration


def test_without_a_name_every_recipe_is_listed_with_what_was_published(capsys):
    assert main(["reproduce"]) == 0
    said = capsys.readouterr().out
    for name in recipes.names():
        assert f"\n\n{name}\n" in f"\n\n{said}"
    assert "published: relearn 71.02 / 71.46 (BalanceBenchmark, table)" in said
    assert "published: none that could be read in any source" in said


@pytest.mark.parametrize("name", ["amss/cremad", "relearn/cmu_mosi"])
def test_a_recipe_is_shown_in_full(capsys, name):
    assert main(["reproduce", name, "--show"]) == 0
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in configuration(recipes.load(name)):
        assert " ".join(line) in said
    for text in recipes.load(name).differences:
        assert f"* {text}" in said


def test_a_small_run_says_what_is_small_and_ends_with_the_published_numbers(capsys, tmp_path):
    folder = tmp_path / "out"
    options = ["--tiny", "--methods", "joint", "--seeds", "0,1", "--out", str(folder)]
    assert main(["reproduce", "relearn/cmu_mosi", *options]) == 0
    said = capsys.readouterr().out
    assert "whose numbers mean nothing" in said
    assert "  epochs: 90 -> 3\n" in said
    assert "mean ± sd over 2 seeds" in said
    assert "here, generated" in said
    assert "61.09" in said
    assert f"results: {folder / 'results.json'}" in said


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("reproduce amss/cremd --tiny", ["no recipe 'amss/cremd'", "Did you mean 'amss/cremad'"]),
        ("reproduce amss/cremad", ["--data-root", "AudioWAV", "--tiny"]),
        ("reproduce amss/cremad --data-root nowhere", ["'nowhere' is no folder", "AudioWAV"]),
        ("reproduce --tiny", ["--tiny needs a recipe", "reproduce amss/cremad"]),
        ("reproduce --show", ["--show needs a recipe"]),
        ("reproduce amss/cremad --tiny --encoder face=resnet18", ["'face'", "sound, video"]),
        ("reproduce amss/cremad --tiny --set cremad.splt=usual", ["'splt'", "mean 'split'"]),
        ("reproduce amss/cremad --tiny --epoch 3", ["unknown argument '--epoch'", "'--epochs'"]),
        ("reproduce amss/cremad --tiny --epochs x", ["found 'x'", "whole number"]),
    ],
)
def test_a_mistake_is_one_line(capsys, tmp_path, monkeypatch, line, parts):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equimodal.data.miniatures.write", lambda name, root: None)
    assert main(line.split()) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("equimodal: error: ")
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("--batch-size=800", "batch size 800 is more than there are"),
        ("--set=amss.tau=-1", "AMSS tau must be a number > 0"),
        ("--methods=ams", "Did you mean 'amss'"),
        ("--device=tpu", "no device 'tpu'"),
    ],
)
def test_a_refusal_of_a_recipe_leaves_nothing(capsys, tmp_path, monkeypatch, option, part):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "amss/sarcasm", "--tiny", option]) == 2
    assert part in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_refusal_of_a_recipe_leaves_what_was_there(capsys, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    line = ["reproduce", "amss/sarcasm", "--tiny", "--batch-size=800", "--out", str(tmp_path)]
    assert main(line) == 2
    assert (tmp_path / "mine.txt").read_text() == "mine"
