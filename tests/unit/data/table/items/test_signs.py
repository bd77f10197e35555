"""Tokens of scripts that have no blanks between words, or marks on their letters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equimodal.data.table.items.decoders import reader
from equimodal.data.table.items.texts import signs, words
from equimodal.data.table.reading.facts import merged
from equimodal.data.table.reading.survey import form

SENTENCES = {
    "English": ("What a film, really!", 6),
    "Russian": ("Какой фильм, ура!", 5),
    "Arabic": ("هذا فِيلمٌ جميل", 3),
    "Hindi": ("हिन्दी भाषा", 2),
    "Korean": ("정말 좋은 영화", 3),
    "Chinese": ("今天,好电影", 6),
    "Japanese": ("映画がすき", 5),
    "Thai": ("ดีมาก", 4),
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_words_or_signs_as_its_script_is_written(language):
    text, count = SENTENCES[language]
    assert len(signs(text)) == count
    assert "".join(signs(text)) == unicodedata.normalize("NFC", "".join(text.lower().split()))


def test_marks_stay_with_their_letters_by_hand():
    assert signs("हिन्दी, Ёлка!") == ["हिन्दी", ",", "ёлка", "!"]
    assert signs("ที่นี่") == ["ที่", "นี่"]
    assert signs("ipad买了2台") == ["ipad", "买", "了", "2", "台"]
    assert signs("می‌روم") == ["می‌روم"]


LETTERS = st.characters(codec="ascii")


@given(st.text(LETTERS, max_size=40))
def test_plain_words_read_as_before(text):
    assert signs(text) == words(text)


@given(st.text("aé好ดीकि ั́!.‍", max_size=20))
def test_forms_of_unicode_read_alike_and_nothing_is_lost(text):
    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert signs(forms[0]) == signs(forms[1])
    kept = {letter for letter in forms[0].lower() if letter.isalnum()}
    assert kept <= set("".join(signs(text)))


def settled(texts, **declared):
    return form("text", declared, merged([reader("text").measure(text) for text in texts]))


def test_the_default_is_words_where_they_serve_and_signs_where_they_do_not():
    assert settled(["a b b", "b c"]).settings["tokens"] == "words"
    assert settled(["it’s “fine” ❤\ufe0fok 👩\u200d🚀"]).settings["tokens"] == "words"
    for text in ("今天好", "हिन्दी", "e\u0301te"):
        assert settled(["a b b", text]).settings["tokens"] == "signs"
        assert settled(["a b b", text], tokens="words").settings["tokens"] == "words"
    assert settled(["好a天", "天"]).settings == {
        "tokens": "signs", "length": 3, "words": ["天", "a", "好"],
    }  # fmt: skip


@given(st.lists(st.text("今天好坏", min_size=2, max_size=6), min_size=2, max_size=9, unique=True))
def test_different_sentences_without_blanks_are_different_rows(texts):
    found = settled([*texts, "今天好坏"]).settings
    rows = {tuple(reader("text").decode(text, found).array.tolist()) for text in texts}
    assert len(rows) == len(texts)
