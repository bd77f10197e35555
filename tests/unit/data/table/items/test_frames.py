"""A folder or a list of pictures in a cell is a video."""

import json

import numpy as np
import pytest
from PIL import Image

from equimodal import data
from equimodal.data.table.check.check import check
from equimodal.data.table.items import decoders
from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.video import frames
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.paths import placed
from unit.data.table import media

DECLARED = "modalities:\n  clip: {kind: video, size: [8, 12], frames: 4}\n  touch: {}\n"


def picture(path, level, size=(8, 12)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), level, np.uint8)
    pixels[0, 0] = 0
    Image.fromarray(pixels).save(path)


def clips(folder, count=24):
    """A table whose cells name folders of ten frames, which rise by ten levels."""
    rows = []
    for k in range(count):
        for place in range(10):
            picture(folder / f"clips/{k}/frame{place + 1}.png", 10 * place + 60 * (k % 2) + k)
        rows.append([("cat", "dog")[k % 2], f"clips/{k}", f"{k} {k * k % 7}"])
    media.table(folder / "my.csv", rows, ("label", "clip", "touch"))
    (folder / "my.yaml").write_text(DECLARED)
    return folder / "my.csv"


def told(path):
    return [f"{found.code}: {found.line}" for found in check(path, jobs=1).problems]


def levels(array):
    return array[:, 0, 4, 4].tolist()


def test_a_folder_is_a_video_in_the_order_of_its_numbers(tmp_path):
    path = clips(tmp_path)

    assert told(path) == []
    source = data.load(str(path))
    assert source.modalities["clip"].kind == "video"
    entry, _ = placed("clips/0", str(tmp_path), "video")
    item = frames.decode(json.loads(entry), {"frames": 4, "size": [8, 12]})
    assert levels(item.array) == [10, 30, 60, 80]  # of ten the 2nd, 4th, 7th and 9th
    assert item.shape == (10, 3, 8, 12)


def test_frames_are_scaled_as_those_of_the_video_that_they_are_of(tmp_path):
    import av

    path = media.video(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        for place, frame in enumerate(container.decode(video=0)):
            frame.to_image().save(tmp_path / f"{place}.png")
    settings = {"frames": 4, "size": [20, 20]}
    with open(path, "rb") as file:
        source, _ = opened(file, str(path), path.stat().st_size)
        whole = decoders.reader("video").decode(source, settings).array.astype(int)
    entry, _ = placed(json.dumps([f"{k}.png" for k in range(12)]), str(tmp_path), "video")

    found = frames.decode(json.loads(entry), settings).array.astype(int)

    assert np.abs(found[:, :, 8:] - whole[:, :, 8:]).max() < 8


def test_a_list_is_a_video_in_its_own_order(tmp_path):
    clips(tmp_path, 1)
    names = [f"clips/0/frame{k}.png" for k in (9, 1, 5, 3)]
    settings = {"frames": 4, "size": [8, 12]}
    for cell, separator in ((json.dumps(names), ""), (" | ".join(names), "|")):
        entry, _ = placed(cell, str(tmp_path), "video", separator)
        assert levels(frames.decode(json.loads(entry), settings).array) == [80, 0, 40, 20]


def test_a_changed_frame_is_seen(tmp_path):
    path = clips(tmp_path)
    before = data.load(str(path)).settings["fingerprint"]
    picture(tmp_path / "clips/3/frame5.png", 200)
    assert data.load(str(path)).settings["fingerprint"] != before


def test_folders_and_lists_are_a_question_where_no_kind_is_declared(tmp_path):
    path = clips(tmp_path)
    path.with_suffix(".yaml").unlink()
    text = path.read_text()
    path.write_text(text.replace("touch", "words").replace(" ", " and "))
    (said,) = [line for line in told(path) if line.startswith("format")]
    assert "clip: the cells name several pictures each ('clips/0'); declare kind: video" in said


@pytest.mark.parametrize(("harm", "said"), [
    (lambda f: (f / "frame3.png").write_bytes((f / "frame3.png").read_bytes()[:60]), "truncated"),
    (lambda f: (f / "frame2.png").write_bytes(b""), "empty"),
    (lambda f: (f / "frame22.pkl").write_bytes(b"x"), "'clips/0/frame22.pkl', which is no picture"),
    (lambda f: (f / "more").mkdir(), "'clips/0/more', which is no picture"),
    (lambda f: picture(f / "frame01.png", 9), "of which neither comes first"),
    (lambda f: picture(f / "frame4.png", 9, (9, 9)), "has frames of several sizes"),
    (lambda f: [one.unlink() for one in f.iterdir()], "holds 0 pictures"),
    (lambda f: (f / "frame11.png").symlink_to("/etc/hostname"), "leads out of the data root"),
])  # fmt: skip
def test_a_folder_with_harm_is_named_by_its_row(tmp_path, harm, said):
    path = clips(tmp_path)
    harm(tmp_path / "clips/0")
    problems = told(path)
    assert len(problems) == 1 and "row 2, clip: " in problems[0] and said in problems[0], problems


def test_files_of_systems_are_no_frames(tmp_path):
    path = clips(tmp_path)
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini"):
        (tmp_path / "clips/0" / name).write_bytes(b"x")
    assert told(path) == []


@pytest.mark.parametrize("cell", ["..", "/etc", "../clips", '["../a.png"]', "[]", '["a.txt"]'])
def test_a_cell_that_leads_out_or_names_no_picture_is_refused(tmp_path, cell):
    root = tmp_path / "root"
    clips(root, 1)
    picture(tmp_path / "a.png", 9)
    with pytest.raises(Unfit):
        placed(cell, str(root), "video")
