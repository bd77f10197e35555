"""Data files that are missing, damaged or not what their source published: named, with a remedy."""

import gzip
import shutil

import numpy as np
import pytest
import scipy.io

from cli import tiny_files
from equimodal import data

FSDD = "fsdd/recordings"
IMAGES = "mnist/train-images-idx3-ubyte.gz"
LABELS = "mnist/train-labels-idx1-ubyte.gz"
TEXT, AUDIO = "cmu_mosi/text_train0.csv", "cmu_mosi/audio_train0.csv"
MATLAB = "handwritten/handwritten_6views.mat"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of every data set in miniature, as their sources publish them."""
    root = tmp_path_factory.mktemp("files")
    tiny_files.write_avdigits(root)
    tiny_files.write_mosi(root)
    tiny_files.write_handwritten(root)
    return root


def cut(share):
    """Keep only this share of a file."""
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def replace_cell(row, column, text):
    """Write another text into a cell of a table; both count from 0."""

    def edit(path):
        rows = [line.split(",") for line in path.read_text().splitlines()]
        rows[row][column] = text
        path.write_text("\n".join(",".join(cells) for cells in rows) + "\n")

    return edit


def replace_byte(place, value):
    """Write another byte into a gzipped file."""

    def edit(path):
        content = bytearray(gzip.decompress(path.read_bytes()))
        content[place] = value
        path.write_bytes(gzip.compress(bytes(content)))

    return edit


def edit_array(name, edit):
    """Change an array of a MATLAB file; None takes it out."""

    def apply(path):
        content = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("_")}
        changed = edit(content.pop(name))
        scipy.io.savemat(path, content if changed is None else content | {name: changed})

    return apply


def with_nan(array):
    """The array as floats with NaN in its third row."""
    changed = array.astype(float)
    changed[2, 0] = np.nan
    return changed


def with_label(label):
    """Sets the fifth label."""
    return lambda labels: np.where(np.arange(len(labels))[:, None] == 4, label, labels)


def remove(path):
    """Take the file or folder away."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()


DAMAGE = {
    "no recordings": (
        "avdigits", FSDD, remove,
        [f"{FSDD} is missing", f"files/{FSDD}'", "free-spoken-digit-dataset"],
    ),
    "missing recording": (
        "avdigits", f"{FSDD}/3_theo_7.wav", remove,
        [f"{FSDD}/3_theo_7.wav is missing", "Get them from"],
    ),
    "truncated recording": (
        "avdigits", f"{FSDD}/3_theo_7.wav", cut(0.5),
        [f"{FSDD}/3_theo_7.wav is cut short", "bytes are fewer than its header announces"],
    ),
    "recording that is no sound": (
        "avdigits", f"{FSDD}/3_theo_7.wav", lambda path: path.write_text("some text"),
        [f"{FSDD}/3_theo_7.wav is no sound file"],
    ),
    "missing images": ("avdigits", IMAGES, remove, [f"{IMAGES} is missing", "mnist"]),
    "truncated images": (
        "avdigits", IMAGES, cut(0.7), [f"{IMAGES} is damaged or cut short"],
    ),
    "labels in the place of images": (
        "avdigits", IMAGES, lambda path: shutil.copy(path.parent / LABELS[6:], path),
        [f"{IMAGES} is no idx file of unsigned bytes in 3 dimensions"],
    ),
    "recording under another name": (
        "avdigits", f"{FSDD}/3_theo_7.wav", lambda path: path.rename(path.with_name("three.wav")),
        [f"{FSDD}/three.wav is not named {{digit}}_{{speaker}}_{{index}}.wav"],
    ),
    "fewer images than the file says": (
        "avdigits", IMAGES, replace_byte(7, 41),
        [f"{IMAGES} holds 31360 bytes of data, its header announces 32144"],
    ),
    "label that is no digit": (
        "avdigits", LABELS, replace_byte(8 + 5, 77),
        [f"{LABELS} holds the label 77 in row 6, expected whole numbers from 0 to 9"],
    ),
    "missing table": (
        "mosi", AUDIO, remove,
        [f"{AUDIO} is missing", f"files/{AUDIO}'", "declare-lab/multimodal-deep-learning"],
    ),
    "truncated table": ("mosi", AUDIO, cut(0.503), [f"{AUDIO} has 6 cells in row 13, expected 74"]),
    "empty table": ("mosi", AUDIO, cut(0.0), [f"{AUDIO} is empty"]),
    "table with a missing row": (
        "mosi", AUDIO,
        lambda path: path.write_text("\n".join(path.read_text().splitlines()[1:])),
        [f"{AUDIO} has 23 rows, text_train0.csv has 24"],
    ),
    "NaN in a table": (
        "mosi", AUDIO, replace_cell(2, 7, "NaN"),
        [f"{AUDIO} holds numbers that are not finite, first in row 3"],
    ),
    "word in a table": (
        "mosi", AUDIO, replace_cell(0, 0, "pitch"),
        [f"{AUDIO} holds no number in row 1", "'pitch'"],
    ),
    "label out of range in a table": (
        "mosi", TEXT, replace_cell(4, -1, "2"),
        [f"{TEXT} holds the label 2 in row 5, expected whole numbers from 0 to 1"],
    ),
    "labels that differ between modalities": (
        "mosi", AUDIO, replace_cell(0, -1, "1"),
        [f"{AUDIO} has another label in row 1 than text_train0.csv"],
    ),
    "missing views": (
        "handwritten", MATLAB, remove, [f"{MATLAB} is missing", "hanmenghan/TMC"],
    ),
    "truncated views": (
        "handwritten", MATLAB, cut(0.4), [f"{MATLAB} holds no array gt_train"],
    ),
    "view that is not there": (
        "handwritten", MATLAB, edit_array("x2_test", lambda _: None),
        [f"{MATLAB} holds no array x2_test"],
    ),
    "view of another width": (
        "handwritten", MATLAB, edit_array("x2_test", lambda rows: rows[:, 1:]),
        [f"{MATLAB} holds x2_test of shape (20, 75), expected (20, 76)"],
    ),
    "NaN in a view": (
        "handwritten", MATLAB, edit_array("x1_train", with_nan),
        [f"{MATLAB} holds numbers in x1_train that are not finite, first in row 3"],
    ),
    "class out of range": (
        "handwritten", MATLAB, edit_array("gt_train", with_label(11)),
        [f"{MATLAB} holds the label 11 in row 5, expected whole numbers from 1 to 10"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ["avdigits", "mosi", "handwritten"])
def test_the_files_are_whole_before_they_are_damaged(name, files):
    assert len(data.load(name, root=files).train) > 0


@pytest.mark.parametrize("mistake", DAMAGE)
def test_damaged_data_is_named_before_anything_is_written(mistake, files, folder, refused):
    name, path, damage, words = DAMAGE[mistake]
    shutil.copytree(files, folder / "files")
    damage(folder / "files" / path)

    refused(f"compare --data {name} --data-root files --methods joint", *words, "Get them from")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("compare --data mosi", ["mosi is read from files", "--data-root", "Get them from"]),
        ("compare --data mosi --data-root nowhere", ["nowhere' is no folder", "Get them from"]),
        ("compare --data mosi --data-root .", [f"{TEXT} is missing", "Get them from"]),
        (
            "compare --data handwritten --data-root . --set handwritten.views=pix,fuo",
            ["handwritten.views must be two or more of pix, fou", "found ('pix', 'fuo')"],
        ),
        (
            "compare --data handwritten --data-root . --set handwritten.views=pix",
            ["handwritten.views must be two or more of", "found 'pix'"],
        ),
        (
            "compare --data avdigits --data-root . --set avdigits.split=speakers",
            ["avdigits.split must be one of speaker, official; found 'speakers'"],
        ),
        (
            "compare --data avdigits --data-root . --set avdigits.train_images=7",
            ["avdigits.train_images must be a whole number from 100 to 60000; found 7"],
        ),
    ],
)
def test_a_data_root_or_setting_that_cannot_work_is_refused(line, words, refused):
    refused(line, *words)
