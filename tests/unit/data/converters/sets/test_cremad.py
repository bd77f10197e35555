"""CREMA-D in its own layout: the published lists, our split by actor, and what is refused."""

import shutil
from collections import Counter

import pytest
import soundfile

from equimodal.data.miniatures import cremad, media
from equimodal.errors import DataError
from unit.data.converters import made
from unit.data.converters.conftest import splits


@pytest.fixture
def root(miniature):
    return miniature(cremad)


@pytest.fixture
def copy(root, tmp_path):
    """A copy of the miniature that may be changed."""
    shutil.copytree(root, tmp_path / "CREMA-D")
    return tmp_path / "CREMA-D"


def test_the_lists_of_relearning_are_the_splits(root, manifest):
    rows, declared, summary = manifest("cremad", root)

    assert splits(rows) == {"train": 30, "validation": 6, "test": 12}
    assert rows[0] == {
        "label": "ANG",
        "split": "train",
        "sound": "AudioWAV/1001_DFA_ANG_XX.wav",
        "video": "VideoFlash/1001_DFA_ANG_XX.flv",
    }
    assert declared == {
        "label": "label",
        "split": "split",
        "modalities": {
            "sound": {"column": "sound", "kind": "sound"},
            "video": {"column": "video", "kind": "video"},
        },
    }
    assert (summary.counts, summary.classes) == ({"train": 30, "validation": 6, "test": 12}, 6)


def test_every_path_leads_to_a_file_that_decodes(root, manifest):
    rows, _, _ = manifest("cremad", root)

    for row in rows:
        assert len(soundfile.read(root / row["sound"])[0]) == 0.3 * media.RATE
    assert made.read_video(root / rows[0]["video"]).shape == (3, 48, 64, 3)


def test_with_the_usual_lists_validation_is_drawn_from_train_and_test_stays(root, manifest):
    rows, _, summary = manifest("cremad", root, split="usual", validation=0.2)

    held_out = [row["label"] for row in rows if row["split"] == "validation"]
    assert Counter(held_out) == dict.fromkeys(cremad.EMOTIONS, 2)  # of six: 1.2, reached with two
    listed = (root / "test.csv").read_text().split()
    assert [r["sound"][9:-4] for r in rows if r["split"] == "test"] == [n[:-4] for n in listed]
    assert "Validation is 20% of train, drawn from seed 0." in summary.notes


def test_another_seed_draws_another_validation_split(root, manifest):
    drawn = []
    for seed in (0, 0, 1):
        rows, _, _ = manifest("cremad", root, split="usual", seed=seed, resume=True)
        drawn.append([row["sound"] for row in rows if row["split"] == "validation"])

    assert drawn[0] == drawn[1] != drawn[2]


def test_the_split_by_actor_needs_no_list_and_shares_no_actor(copy, manifest):
    for name in ("my_train", "val", "test", "train"):
        (copy / f"{name}.csv").unlink()

    rows, declared, _ = manifest("cremad", copy, split="actors", validation=0.3)

    actors = {s: {r["group"] for r in rows if r["split"] == s} for s in splits(rows)}
    assert sorted(map(len, actors.values())) == [1, 1, 2]
    assert set.union(*actors.values()) == set(cremad.ACTORS)
    assert declared["group"] == "group"


def test_lists_may_lie_in_annotations_and_start_with_a_byte_order_mark(copy, manifest):
    (copy / "annotations").mkdir()
    for name in ("my_train", "val", "test"):
        text = (copy / f"{name}.csv").read_text()
        (copy / f"{name}.csv").unlink()
        (copy / "annotations" / f"{name}.csv").write_text(text, "utf-8-sig")

    assert len(manifest("cremad", copy)[0]) == 48


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("AudioWAV", shutil.rmtree, ["holds no folder AudioWAV", "VideoFlash/*.flv", "Git LFS"]),
        ("val.csv", lambda p: p.unlink(), ["holds no val.csv or annotations/val.csv", "found"]),
        ("val.csv", lambda p: p.write_text(""), ["val.csv' is empty"]),
        ("val.csv", lambda p: p.write_bytes(b"\xff\xfe\xff"), ["cannot be read as text"]),
        ("val.csv", lambda p: p.write_text("1001_DFA_ANG_XX\n"), ["1 cells in row 1, expected 2"]),
        (
            "val.csv",
            lambda p: p.write_text("1001_DFA_ANG_XX,SAD\n"),
            ["gives 1001_DFA_ANG_XX the emotion SAD, its name says ANG"],
        ),
        ("val.csv", lambda p: p.write_text("1001_DFA,ANG\n"), ["not like 1001_DFA_ANG_XX"]),
        ("val.csv", lambda p: p.write_text("../x_DFA_ANG_XX,ANG\n"), ["not like"]),
    ],
)
def test_a_folder_or_list_that_is_not_as_published_is_named(name, change, words, copy, manifest):
    change(copy / name)

    with pytest.raises(DataError) as caught:
        manifest("cremad", copy)

    assert all(word in str(caught.value) for word in words), caught.value


def test_an_unknown_split_is_refused(root, manifest):
    with pytest.raises(DataError, match=r"cremad\.split must be one of relearn, usual, actors"):
        manifest("cremad", root, split="mine")
