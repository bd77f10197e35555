"""Results folders whose files were edited anyhow: shown, or refused in one line."""

import copy
import json
import random
import shutil

import pytest

from equimodal.cli.main import main

COMPARE = "compare --methods untrained,alone:*,joint --seeds 1 --epochs 1 --out results"
FILES = (
    "results.json", "config.json", "samples.json", "diagnosis.json",
    "runs/joint/seed-0/config.json", "runs/joint/seed-0/records.json",
    "runs/joint/seed-0/result.json",
)  # fmt: skip
VALUES = [
    None, True, 0, -1, 1.5, 10**400, "", "\x1b[2J", "\ud800", "../..", [], {}, [[]], ["x"],
    {"x": 1}, "gone",
]  # fmt: skip


def _places(value, path=()):
    """Every place in plain data, as the keys that lead there."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*path, key))


def _edited(value, place, change):
    value = copy.deepcopy(value)
    *way, last = place
    inner = value
    for key in way:
        inner = inner[key]
    if change == "gone":
        del inner[last]
    else:
        inner[last] = change
    return value


def _edits(folder):
    """Some edits of every file, none twice: the file, the place, what stands there then."""
    draw = random.Random(0)
    for name in FILES:
        content = json.loads((folder / name).read_text())
        places = list(_places(content))
        for place in draw.sample(places, min(4, len(places))):
            yield name, _edited(content, place, draw.choice(VALUES))


@pytest.mark.parametrize("command", ["report results", "diagnose results", f"{COMPARE} --resume"])
def test_an_edited_file_is_shown_or_refused(comparison, folder, without_workers, capsys, command):
    for name, content in _edits(comparison):
        shutil.rmtree(folder / "results", ignore_errors=True)
        shutil.copytree(comparison, folder / "results")
        (folder / "results" / name).write_text(json.dumps(content))
        capsys.readouterr()

        code = main(command.split())

        said = capsys.readouterr()
        assert code in (0, 2)
        assert (code == 2) == ("equimodal: error: " in said.err)


@pytest.mark.parametrize("place", ["runs", "runs/joint", "runs/joint/seed-0", "runs/ensemble"])
def test_nothing_is_written_through_a_linked_folder(comparison, folder, refused, place):
    shutil.copytree(comparison, folder / "results")
    link = folder / "results" / place
    if link.exists():
        shutil.move(link, folder / "elsewhere")
    else:
        (folder / "elsewhere").mkdir()
    link.symlink_to(folder / "elsewhere")
    refused(f"{COMPARE} --resume", f"results/{place}' is a link")


def test_a_checkpoint_of_another_model_is_told(comparison, folder, without_workers, capsys):
    from equimodal.storage.files import load_checkpoint, save_checkpoint

    own = shutil.copytree(comparison, folder / "results") / "runs/joint/seed-0"
    content = load_checkpoint(own / "checkpoint.pt")
    content["model"] = {name: value[:1] for name, value in content["model"].items()}
    save_checkpoint(own / "checkpoint.pt", content)
    (own / "result.json").unlink()

    assert main([*COMPARE.split(), "--resume"]) == 2
    assert "was edited or damaged" in capsys.readouterr().err
