import numpy as np
import pytest

from equimodal.data.table.reading.kinds import infer, names_files
from equimodal.errors import DataError
from unit.data.table import media


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["a.png", "b.JPG", "c d.jpeg"], "image"),
        (["a.wav", "b.flac", ""], "sound"),
        (["a.mp4", "b.avi", "c.flv"], "video"),
        (["notes/1.txt", "notes/2.txt"], "text"),
        (["What a film!", "I was bored to death."], "text"),
        (["1 2.5 3", "[4, 5, 6]"], "numbers"),
        (["1.5", "2.5"], None),
        (["id7", "id8"], None),
        (["", ""], None),
    ],
)
def test_the_kind_follows_from_the_cells(tmp_path, cells, kind):
    assert infer("x", cells, str(tmp_path)) == kind


@pytest.mark.parametrize(
    ("shape", "kind"), [((5,), "vector"), ((7, 5), "sequence"), ((1, 8, 9), "spectrogram")]
)
def test_the_kind_of_arrays_follows_from_their_axes(tmp_path, shape, kind):
    np.save(tmp_path / "b.npy", np.zeros(shape))
    assert infer("x", ["gone.npy", "b.npy"], str(tmp_path)) == kind


def test_a_table_of_one_line_is_a_vector_and_of_more_a_sequence(tmp_path):
    (tmp_path / "a.csv").write_text("1,2,3\n")
    (tmp_path / "b.csv").write_text("1,2,3\n4,5,6\n")
    assert infer("x", ["a.csv"], str(tmp_path)) == "vector"
    assert infer("x", ["b.csv"], str(tmp_path)) == "sequence"


def test_a_column_of_pickles_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"'x' names pickles \('a.pkl'\), which are never read"):
        infer("x", ["a.pkl", "b.pkl"], str(tmp_path))


def test_arrays_none_of_which_can_be_opened_ask_for_a_declaration(tmp_path):
    media.png(tmp_path / "a.png").rename(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"cannot be inferred \('a.npy' is named .npy .*kind: vec"):
        infer("x", ["a.npy"], str(tmp_path))


def test_texts_are_files_only_where_all_cells_are():
    assert names_files("text", ["a.txt", "b.txt"])
    assert not names_files("text", ["a.txt", "I read b.txt today"])
    assert names_files("image", ["a"])
    assert not names_files("numbers", ["1 2"])


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((32, 32, 3), "u1"),
        ((3, 32, 32), "u1"),
        ((28, 28), "u1"),
        ((20, 30, 4), "f4"),
        ((9, 9, 1), "f8"),
    ],
)
def test_arrays_that_look_like_pictures_are_a_question(tmp_path, shape, kind):
    np.save(tmp_path / "a.npy", np.zeros(shape, kind))
    np.savez(tmp_path / "b.npz", x=np.zeros(shape, kind))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataError, match=rf"'pic' look like pictures .'{name}'.*kind: spectro"):
            infer("pic", [name], str(tmp_path))


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["今天天气好我们去看电影", "这部电影真的不好看"], "text"),
        (["ฉันชอบดูหนังเรื่องนี้มาก", "หนังเรื่องนี้น่าเบื่อ"], "text"),
        (["北京", "上海"], None),
        (["a.heic", "b.heic"], None),
        (["a.webp", "b.gif"], "image"),
        (["a.mp3", "b.opus"], "sound"),
        (["a.webm", "b.mov"], "video"),
        (["12_5 3_7", "1_0 2"], "text"),
    ],
)
def test_sentences_without_blanks_are_texts_and_names_are_not(tmp_path, cells, kind):
    assert infer("x", cells, str(tmp_path)) == kind
