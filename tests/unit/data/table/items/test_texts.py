import numpy as np
import pytest

from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.items.texts import vocabulary, words
from equimodal.data.table.reading.facts import merged
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.survey import form

WORDS = {"tokens": "words", "length": 4, "words": ["the", "film", "!"]}


def test_words_are_numbered_by_the_vocabulary_behind_a_start_token():
    item = reader("text").decode("The film, the END", WORDS)

    # 0 pads, 1 starts, 2 is unknown; the third of five tokens is the comma.
    assert item.array.tolist() == [1, 3, 4, 2, 3]
    assert (item.shape, [code for code, _ in item.warnings]) == ((5,), ["cut"])
    assert reader("text").decode("film!", WORDS).array.tolist() == [1, 4, 5, 0, 0]


def test_bytes_need_no_vocabulary():
    settings = {"tokens": "bytes", "length": 4}
    found = reader("text").decode("ü!", settings).array
    assert found.tolist() == [1, 3 + 0xC3, 3 + 0xBC, 3 + 0x21, 0]


def test_words_are_letters_or_single_marks_in_lower_case():
    assert words("Don't stop—Ünïcode 42!") == ["don", "'", "t", "stop", "—", "ünïcode", "42", "!"]


def test_the_vocabulary_holds_the_most_frequent_words_in_a_fixed_order():
    assert vocabulary({"b": 2, "a": 2, "c": 5, "d": 1}, 3) == ["c", "a", "b"]


def test_settings_follow_from_the_training_texts():
    facts = merged([reader("text").measure(text) for text in ("a b b", "b c", "b")])
    found = form("text", {}, facts)
    assert found.settings == {"tokens": "words", "length": 3, "words": ["b", "a", "c"]}
    assert found.shape == (4,)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_text_without_a_word_is_empty(text):
    with pytest.raises(Unfit, match="holds no word"):
        reader("text").decode(text, WORDS)


def test_a_file_that_is_no_utf8_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes("über".encode("latin-1"))
    with open(tmp_path / "a.txt", "rb") as file, pytest.raises(Unfit, match="no UTF-8"):
        reader("text").decode(opened(file, "a.txt", 4)[0], WORDS)


def test_a_file_reads_as_its_text_without_the_mark_of_its_encoding(tmp_path):
    (tmp_path / "a.txt").write_text("film !", encoding="utf-8-sig")
    with open(tmp_path / "a.txt", "rb") as file:
        item = reader("text").decode(opened(file, "a.txt", 9)[0], WORDS)
    assert np.array_equal(item.array, reader("text").decode("film !", WORDS).array)
