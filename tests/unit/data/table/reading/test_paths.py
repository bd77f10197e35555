import os

import pytest

from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.paths import located


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data" / "ein Ordner").mkdir(parents=True)
    (tmp_path / "data" / "ein Ordner" / "Übung 1.png").write_bytes(b"12345")
    (tmp_path / "secret.png").write_bytes(b"s")
    return os.path.realpath(tmp_path / "data")


@pytest.mark.parametrize(
    "cell", ["ein Ordner/Übung 1.png", "./ein Ordner/../ein Ordner/Übung 1.png"]
)
def test_a_path_may_hold_blanks_and_any_letter(root, cell):
    path, (size, _) = located(cell, root)
    assert (path, size) == (f"{root}/ein Ordner/Übung 1.png", 5)


def test_an_absolute_path_under_the_root_is_fine(root):
    assert located(f"{root}/ein Ordner/Übung 1.png", root)[1][0] == 5


@pytest.mark.parametrize("cell", ["../secret.png", "a/../../secret.png", "/etc/passwd", "../none"])
def test_a_path_that_leaves_the_root_is_refused(root, cell):
    with pytest.raises(Unfit, match="leads out of the data root") as caught:
        located(cell, root)
    assert caught.value.code == "outside"


def test_a_folder_that_only_begins_like_the_root_is_outside(root):
    os.mkdir(root + "2")
    with open(root + "2/a.png", "wb"):
        pass
    with pytest.raises(Unfit, match="leads out"):
        located("../data2/a.png", root)


def test_a_link_out_of_the_root_is_refused_and_one_inside_is_followed(root):
    os.symlink(os.path.join(root, "..", "secret.png"), os.path.join(root, "link.png"))
    os.symlink(os.path.join(root, "ein Ordner"), os.path.join(root, "inner"))
    os.symlink(os.path.dirname(root), os.path.join(root, "up"))

    assert located("inner/Übung 1.png", root)[1][0] == 5
    for cell in ("link.png", "up/secret.png"):
        with pytest.raises(Unfit, match="leads out"):
            located(cell, root)


def test_what_is_no_regular_file_is_never_opened(root):
    os.mkfifo(os.path.join(root, "pipe.png"))
    for cell, said in [
        ("pipe.png", "is no file"),
        ("ein Ordner", "is no file"),
        ("none.png", "there is no file 'none.png'"),
        ("a\\b.png", "write / where"),
        ("a\x00b.png", "names no file"),
        ("x" * 5000, "names no file"),
        ("ein Ordner/Übung 1.png/x", "there is no file"),
    ]:
        with pytest.raises(Unfit, match=said) as caught:
            located(cell, root)
        assert caught.value.code == "missing"
