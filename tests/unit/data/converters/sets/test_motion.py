"""UCF-101 and NVGesture: flow that is computed or packed, and gestures that are cut out."""

import shutil

import numpy as np
import pytest

from equimodal.data.converters import flow
from equimodal.data.miniatures import media, nvgesture, ucf101
from equimodal.errors import BalanceError, DataError
from unit.data.converters import made
from unit.data.converters.conftest import splits


@pytest.fixture
def ucf(miniature, tmp_path):
    shutil.copytree(miniature(ucf101), tmp_path / "ucf")
    return tmp_path / "ucf"


@pytest.fixture
def gestures(miniature, tmp_path):
    shutil.copytree(miniature(nvgesture), tmp_path / "nv")
    return tmp_path / "nv"


def test_the_fold_is_the_split_and_groups_stay_whole(ucf, manifest):
    rows, declared, summary = manifest("ucf101", ucf, flow_frames=1, flow_size=24)

    assert splits(rows) == {"train": 8, "validation": 4, "test": 4}
    assert rows[0]["rgb"] == "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi"
    assert rows[-1]["label"] == "HandstandPushups"
    groups = {s: {r["group"] for r in rows if r["split"] == s} for s in splits(rows)}
    assert sum(map(len, groups.values())) == len(set.union(*groups.values())) == 8
    assert {g.split()[0] for g in groups["validation"]} == set(ucf101.CLASSES)
    assert declared["group"] == "group"
    assert declared["modalities"]["flow"] == {"column": "flow", "kind": "video"}
    assert "Flow: TV-L1, computed, 1 pictures a clip, cut off at 20 pixels." in summary.notes


def test_flow_is_the_motion_of_the_picture(tmp_path):
    media.write_video(tmp_path / "a.avi", media.moving(1, 4, step=(1.0, -2.0)))

    flow.write_flow(tmp_path / "a.avi", (0, None), 0, 0, tmp_path / "flow.mp4")

    found = made.read_video(tmp_path / "flow.mp4").astype(float)
    assert found.shape == (3, 48, 64, 3)
    inside = (found[:, 8:-8, 8:-8] - 128) * 20 / 127
    assert np.median(inside[..., 0]) == pytest.approx(-2, abs=0.3)  # right
    assert np.median(inside[..., 1]) == pytest.approx(1, abs=0.3)  # down
    assert np.abs(found[..., 2] - 128).max() <= 2


def test_flow_beyond_twenty_pixels_is_cut_off():
    right, down = np.array([[-50.0, -20, 0, 10]], np.float32), np.array([[20.0, 50, -10, 0]])

    found = flow._bytes(right, down.astype(np.float32))[0]

    assert found[:, 0].tolist() == [1, 1, 128, 192]  # 128 + 127 * 10 / 20 = 191.5
    assert found[:, 1].tolist() == [255, 255, 64, 128]


def test_a_video_of_one_frame_has_no_flow(tmp_path):
    media.write_video(tmp_path / "a.avi", media.moving(1, 1))

    with pytest.raises(BalanceError, match="it has one frame, flow needs two"):
        flow.write_flow(tmp_path / "a.avi", (0, None), 0, 0, tmp_path / "flow.mp4")


def test_fewer_and_smaller_flow_pictures_go_into_a_folder_of_their_own(ucf, manifest):
    rows, _, _ = manifest("ucf101", ucf, flow_frames=2, flow_size=24)

    assert rows[0]["flow"] == "derived/flow-24px-2/v_ApplyEyeMakeup_g08_c01.mp4"
    assert made.read_video(ucf / rows[0]["flow"]).shape == (2, 24, 32, 3)


def test_flow_that_is_there_is_packed_and_not_computed(ucf, manifest, monkeypatch):
    monkeypatch.setattr("equimodal.data.converters.flow._flow", None)
    made.write_flow(ucf)

    rows, _, summary = manifest("ucf101", ucf, flow_frames=0)

    means = made.read_video(ucf / rows[0]["flow"]).astype(float).mean(axis=(1, 2))
    assert means[:, 0] == pytest.approx([101, 102, 103], abs=1)
    assert means[:, 1] == pytest.approx([201, 202, 203], abs=1)
    assert means[:, 2] == pytest.approx([128] * 3, abs=1)
    assert "Flow: as found in tvl1_flow, all pictures a clip" in " ".join(summary.notes)


def test_flow_with_a_picture_missing_is_named(ucf, manifest):
    made.write_flow(ucf)
    clip = "v_ApplyEyeMakeup_g01_c01"
    (ucf / "tvl1_flow" / "v" / clip / "frame000002.jpg").unlink()

    with pytest.raises(DataError, match=rf"{clip}\.mp4 \(it has 3 pictures of u and 2 of v\)"):
        manifest("ucf101", ucf)


def test_an_interrupted_conversion_keeps_its_flow_and_goes_on(ucf, manifest, monkeypatch, tmp_path):
    calls = []

    def interrupted(*pair):
        calls.append(pair)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return pair

    monkeypatch.setattr(flow, "_flow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        manifest("ucf101", ucf, flow_frames=1)
    folder = ucf / "derived" / "flow-full-1"
    made = sorted(p.name for p in folder.iterdir())
    assert 8 <= len(made) < 16 and not any(name.startswith(".") for name in made)
    assert not (tmp_path / "out").exists()

    calls[:] = [None] * 10
    rows, _, _ = manifest("ucf101", ucf, flow_frames=1)

    assert len(rows) == 16
    assert len(calls) - 10 == 16 - len(made)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fold": 4}, r"ucf101\.fold must be a whole number from 1 to 3"),
        ({"fold": 2}, "holds no ucfTrainTestlist/trainlist02.txt"),
        ({"flow_frames": -1}, r"ucf101\.flow_frames must be"),
        ({"flow_size": "big"}, r"ucf101\.flow_size must be"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words, ucf, manifest):
    with pytest.raises(DataError, match=words):
        manifest("ucf101", ucf, **settings)


def test_a_line_that_is_no_clip_is_refused(ucf, manifest):
    (ucf / "ucfTrainTestlist" / "testlist01.txt").write_text("../../etc/passwd.avi\n")

    with pytest.raises(DataError, match="expected a clip such as ApplyEyeMakeup/v_ApplyEyeMakeup"):
        manifest("ucf101", ucf)


@pytest.mark.parametrize(
    ("count", "wanted", "places"),
    [(4, 0, [0, 1, 2, 3]), (10, 2, [2, 7]), (5, 5, [0, 1, 2, 3, 4]), (2, 9, [0, 1]), (9, 1, [4])],
)
def test_pictures_are_taken_from_the_middle_of_equal_shares(count, wanted, places):
    assert flow.evenly(count, wanted) == places


def test_gestures_are_cut_out_to_the_frame_in_colour_and_depth(gestures, manifest):
    rows, _, _ = manifest("nvgesture", gestures, validation=0.3, flow_frames=2, flow_size=24, crf=0)

    assert splits(rows) == {"train": 4, "validation": 2, "test": 2}
    row = rows[0]
    assert row["color"] == "derived/color-crf0/class_01_subject1_r0_2-6.mp4"
    source = gestures / "Video_data" / "class_01" / "subject1_r0"
    for sensor, start in {"color": 2, "depth": 1}.items():
        cut = made.read_video(gestures / row[sensor]).astype(int)
        whole = made.read_video(source / f"sk_{sensor}.avi").astype(int)
        assert cut.shape == (4, 48, 64, 3)
        # Colours are rounded on the way to RGB and back; one frame further they differ by more.
        assert np.abs(cut - whole[start : start + 4]).mean() < 1.5
        assert np.abs(cut - whole[start + 1 : start + 5]).mean() > 4
    assert made.read_video(gestures / row["flow"]).shape == (2, 24, 32, 3)


def test_validation_of_gestures_is_a_whole_subject(gestures, manifest):
    rows, _, _ = manifest("nvgesture", gestures, flow_frames=1, flow_size=24)

    subjects = {s: {r["group"] for r in rows if r["split"] == s} for s in splits(rows)}
    assert [len(found) for found in subjects.values()] == [2, 1, 1]
    assert subjects["test"] == {"subject4"}
    assert {row["label"] for row in rows} == {"1", "2"}


def test_subjects_in_two_published_splits_leave_no_group(gestures, manifest):
    train, test = (gestures / f"nvgesture_{s}_correct_cvpr2016_v2.lst" for s in ("train", "test"))
    test.write_text(test.read_text() + train.read_text().splitlines()[0] + "\n")

    _, declared, _ = manifest("nvgesture", gestures, flow_frames=1, flow_size=24)

    assert "group" not in declared


def test_a_gesture_beyond_the_end_of_its_video_is_named(gestures, manifest):
    path = gestures / "nvgesture_test_correct_cvpr2016_v2.lst"
    path.write_text(path.read_text().replace("color:sk_color:2:6", "color:sk_color:6:12"))

    with pytest.raises(DataError, match=r"so that 4 could not be made .*it ends after 8 frames"):
        manifest("nvgesture", gestures, flow_frames=1, flow_size=24)


@pytest.mark.parametrize("line", ["path:./../x depth:a:1:2 color:b:1:2 label:1", "path:./Video"])
def test_a_line_that_is_no_gesture_is_refused(line, gestures, manifest):
    (gestures / "nvgesture_test_correct_cvpr2016_v2.lst").write_text(line + "\n")

    with pytest.raises(DataError, match="in line 1, expected path, depth, color and label"):
        manifest("nvgesture", gestures)
