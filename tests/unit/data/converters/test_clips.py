"""Kinetics-Sounds, VGGSound and AVE: clips found wherever they lie, their sound beside them."""

import shutil

import numpy as np
import pytest
import soundfile

from equimodal.data.miniatures import ave, kinetics_sounds, media, vggsound
from equimodal.errors import DataError
from unit.data.converters.conftest import splits


def test_clips_of_kinetics_are_found_by_both_ways_of_naming_them(copied, manifest):
    root = copied(kinetics_sounds)

    rows, declared, summary = manifest("kinetics-sounds", root, validation=0.2)

    assert splits(rows) == {"train": 12, "validation": 6, "test": 6}  # 2 of 6 in each class
    assert rows[0]["video"] == "train/class 0/-00_QwErTy-_000000_000010.mp4"
    assert rows[-1]["video"] == "val/class 20/-23_QwErTy-_161.mp4"
    assert {row["label"] for row in rows} == {"0", "10", "20"}
    assert declared["modalities"]["sound"] == {"column": "sound", "kind": "sound"}
    assert "Validation is 20% of train, drawn from seed 0." in summary.notes


def test_sound_is_extracted_from_the_clip(copied, manifest):
    root = copied(kinetics_sounds)

    rows, _, _ = manifest("kinetics-sounds", root)

    for seed in (0, 23):
        (row,) = [r for r in rows if f"/-{seed:02d}_" in r["video"]]
        sound, rate = soundfile.read(root / row["sound"])
        assert rate == media.RATE and sound.ndim == 1
        spectrum = np.abs(np.fft.rfft(sound[:6000]))
        assert spectrum.argmax() * rate / 6000 == pytest.approx(200 + 37 * seed, abs=8)
        assert row["sound"].startswith("derived/sound/") and row["sound"].endswith(".wav")


def test_clips_that_are_gone_are_counted_and_may_be_left_out(copied, manifest):
    root = copied(kinetics_sounds)
    shutil.rmtree(root / "train" / "class 0")
    (root / "val" / "class 10" / "-19_QwErTy-_133.mp4").unlink()

    with pytest.raises(DataError, match=r"lacks 7 files of the 24 samples.*\(missing\) and 4 more"):
        manifest("kinetics-sounds", root)
    rows, _, summary = manifest("kinetics-sounds", root, allow_missing=True)

    assert len(rows) == 17 and summary.left_out == 7
    assert not any("derived" in row["video"] for row in rows)


def test_clips_without_sound_or_cut_short_are_named(copied, manifest, tmp_path):
    root = copied(kinetics_sounds)
    folder = root / "val" / "class 0"
    silent, cut = folder / "-18_QwErTy-_126.mp4", folder / "-21_QwErTy-_147.mp4"
    media.write_video(silent, media.moving(0, 3))
    cut.write_bytes(cut.read_bytes()[:300])

    with pytest.raises(DataError) as caught:
        manifest("kinetics-sounds", root)

    said = str(caught.value)
    assert "damaged files, so that 2 could not be made of the 24 samples" in said
    assert "-18_QwErTy-_126.wav (it has no sound track)" in said
    assert "-21_QwErTy-_147.wav (InvalidDataError" in said
    assert not (tmp_path / "out").exists()
    rows, _, _ = manifest("kinetics-sounds", root, allow_missing=True)
    assert len(rows) == 22


def test_what_was_made_is_not_made_again(copied, manifest):
    root = copied(kinetics_sounds)
    manifest("kinetics-sounds", root)
    made = sorted((root / "derived").rglob("*.wav"))
    made[0].unlink()
    times = [path.stat().st_mtime_ns for path in made[1:]]

    manifest("kinetics-sounds", root, resume=True)

    assert made[0].exists()
    assert [path.stat().st_mtime_ns for path in made[1:]] == times
    assert len(made) == 24


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nothing\n", "1 cells in row 1, expected 3"),
        ("a,10,1\n", r"expected \{video\}_\{start\}"),
        ("-00_QwErTy-_0,10,guitar\n", r"holds '-00_QwErTy-_0,10,guitar' in row 1"),
    ],
)
def test_a_list_of_something_else_is_refused(text, words, copied, manifest):
    root = copied(kinetics_sounds)
    (root / "my_test.txt").write_text(text)

    with pytest.raises(DataError, match=words):
        manifest("kinetics-sounds", root)


def test_a_folder_without_clips_says_how_they_are_named(tmp_path, manifest):
    with pytest.raises(DataError, match=r"no clip named \{video\}_\{start\}\.mp4 or .* found not"):
        manifest("vggsound", tmp_path)


def test_labels_of_vggsound_may_hold_commas(copied, manifest):
    rows, _, _ = manifest("vggsound", copied(vggsound))

    assert {row["label"] for row in rows} == set(vggsound.LABELS)
    assert splits(rows) == {"train": 8, "validation": 2, "test": 4}
    assert rows[1]["video"] == "video/01--0PQM4-h_000030.mp4"


@pytest.mark.parametrize("row", ["a,x,dog,train\n", "a,1,dog,valid\n"])
def test_a_row_that_is_not_of_vggsound_is_refused(row, copied, manifest):
    root = copied(vggsound)
    (root / "vggsound.csv").write_text(row)

    with pytest.raises(DataError, match="in row 1, expected the start in seconds and train or"):
        manifest("vggsound", root)


def test_a_video_of_ave_is_one_sample_whatever_its_lines(copied, manifest):
    rows, _, summary = manifest("ave", copied(ave))

    assert splits(rows) == {"train": 6, "validation": 2, "test": 2}
    assert {row["label"] for row in rows} == set(ave.LABELS)
    assert "1 lines name a video again and are not used." in summary.notes
    assert rows[0]["sound"] == "derived/sound/AVE/RUhOCu3LN00.wav"


def test_a_line_that_is_not_of_ave_is_refused(copied, manifest):
    root = copied(ave)
    (root / "valSet.txt").write_text("Church bell&RUhOCu3LN06&good\n")

    with pytest.raises(DataError, match=r"in line 1, expected Category&VideoID&Quality"):
        manifest("ave", root)
