"""Every recipe runs from official files to a table of results, in its small form."""

import functools
import json
import shutil

import pytest

from equimodal.data import miniatures
from equimodal.errors import BalanceError
from equimodal.experiments import recipes
from equimodal.experiments.recipes.run import reproduce
from equimodal.experiments.recipes.tiny import changes, shrunk
from equimodal.report.read.schema import check


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Miniatures, each written once for all the recipes that read it, with what is made of it."""

    @functools.cache
    def folder(data):
        made = tmp_path_factory.mktemp(data)
        original(data, made)
        return made

    original = miniatures.write
    return folder


@pytest.fixture
def run(written, monkeypatch, tmp_path):
    """A recipe in its small form, on a copy of the miniature."""

    def write(data, root):
        shutil.copytree(written(data), root, dirs_exist_ok=True)

    def reproduced(name, **options):
        monkeypatch.setattr(miniatures, "write", write)
        done = reproduce(name, tiny=True, out=tmp_path / "out", progress=False, **options)
        derived = tmp_path / "out" / "data" / "official" / "derived"
        if derived.is_dir():  # flow and sounds, for the next recipe of the same data
            shutil.copytree(derived, written(done.recipe.data) / "derived", dirs_exist_ok=True)
        return done

    return reproduced


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_runs_end_to_end(name, run):
    done = run(name)

    config, recipe = done.results["config"], shrunk(recipes.load(name))
    check(done.results)
    assert [r["status"] for r in done.results["runs"]] == ["finished"] * 3
    assert tuple(config["methods"]) == recipe.rows
    assert config["lr"] == [recipes.load(name).lr.value]
    assert config["schedule"] == recipes.load(name).schedule.value
    assert config["optimizer"] == recipes.load(name).optimizer.value
    for setting, value in recipe.settings.items():
        owner, _, key = setting.rpartition(".")
        if owner == config["optimizer"]:
            assert {**config, **config.get("optimizer_settings", {})}[key] == value.value
        else:
            assert config["settings"][owner][key] == value.value
    assert config["epochs"] == recipe.epochs.value
    assert set(done.results["data"]["modalities"]) == set(recipe.columns)
    used = config["data_settings"]["modalities"]
    for modality, settings in recipe.columns.items():
        if "augment" in settings:
            assert used[modality]["augment"] == settings["augment"].value
    assert (done.folder / "report.html").is_file()
    stored = (done.folder / "results.json").read_text()
    assert str(done.folder) not in stored
    assert json.loads(stored) == done.results


def test_a_folder_is_continued_with_its_own_table_and_never_overwritten(run):
    first = run("amss/twitter15")
    with pytest.raises(BalanceError, match="holds results already; add --resume"):
        run("amss/twitter15")
    table = first.folder / "data" / "amss-twitter15.csv"
    stamp = table.stat().st_mtime_ns
    again = run("amss/twitter15", resume=True)
    assert again.results == first.results
    assert table.stat().st_mtime_ns == stamp


def test_all_that_is_made_small_is_said():
    said = list(changes(recipes.load("amss/cremad")))
    assert said[0] == "rows: 11 -> joint, amss-fixed, amss"
    for line in (
        "sound.seconds: 3.0 -> 0.25",
        "video.size: 224 -> 16",
        "encoder of video: resnet18-gelu -> small",
        "epochs: 80 -> 1",
        "batch_size: 64 -> 8, or half of the training samples",
        "amss.units: official_av -> all",
    ):
        assert line in said
    assert not [line for line in said if line.startswith(("lr", "schedule", "amss.tau"))]


def test_official_files_are_asked_for_by_name(tmp_path):
    with pytest.raises(BalanceError, match=r"--data-root\), which holds AudioWAV/.*--tiny"):
        reproduce("amss/cremad", out=tmp_path / "out")
    with pytest.raises(BalanceError, match="--tiny makes its own data; leave out --data-root"):
        reproduce("amss/cremad", out=tmp_path / "out", tiny=True, data_root=tmp_path)
    assert not (tmp_path / "out").exists()
