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


@pytest.fixture(scope="module")
def comparison(tmp_path_factory, one_process):
    """A finished comparison, made once."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("equimodal.experiments.compare.execute", one_process)
        assert main(COMPARE.split()) == 0
    return folder / "results"


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
