"""Pieces of words: what is learned, and that nothing is unknown."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equimodal import data
from equimodal.data.table.items.decoders import reader
from equimodal.data.table.items.text.pieces import count, learned
from equimodal.data.table.reading.facts import merged
from equimodal.data.table.reading.survey import form
from equimodal.errors import DataError
from unit.data.table import media

TEXTS = ["the film was filmed", "films, films!", "今天好", "हिन्दी भाषा", "a film a day"] * 12


def settled(texts=TEXTS, **declared):
    facts = merged([reader("text").measure(text) for text in texts])
    return form("text", {"tokens": "pieces", "length": 64, **declared}, facts).settings


def row(text, settings):
    found = reader("text").decode(text, settings).array
    return tuple(found[found > 0].tolist())


def test_frequent_words_are_whole_and_their_forms_share_them():
    settings = settled()
    film, films, filmy = (row(text, settings) for text in ("film", "films", "filmy"))
    assert len(film) == len(films) == len(row("हिन्दी", settings)) == 2  # behind the start token
    assert filmy[:2] == film
    assert max(filmy) < 3 + count(settings["pieces"])


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), max_size=4))
def test_words_that_training_never_saw_differ(words):
    settings = settled()
    text = " ".join(words)
    if not text.strip() or len(text.encode()) > 40:
        return
    assert row(text, settings) != row(text + "!", settings)
    assert row(text, settings) == row(text.upper().lower(), settings) or text.lower() != (
        text.upper().lower()
    )


def test_a_small_vocabulary_is_kept_to():
    assert count(learned({"film": 99, "films": 99}, 2)) == 256 + 2


def test_the_same_texts_give_the_same_pieces_in_another_process():
    code = (
        "from equimodal.data.table.items.text.pieces import learned\n"
        "counts = {f'word{i % 97}x{i}': 1 + i % 3 for i in range(500)}\n"
        "import hashlib; print(hashlib.md5(learned(counts, 300).encode()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout != ""


def test_a_table_of_texts_trains_on_pieces(tmp_path):
    rows = [["ab"[k % 2], f"the {'好坏'[k % 2]} film {k}", f"{k} {k * k}"] for k in range(24)]
    path = media.table(tmp_path / "my.csv", rows, ("label", "text", "numbers"))
    path.with_suffix(".yaml").write_text(
        "modalities: {text: {kind: text, tokens: pieces, vocabulary: 50}, numbers: {}}"
    )
    source = data.load(str(path))
    found = source.modalities["text"]
    assert found.tokens == ""
    assert 3 + 256 < found.vocabulary <= 3 + 256 + 50
    assert int(source.train.inputs["text"][:].max()) < found.vocabulary
    assert len(source.settings["modalities"]["text"]["pieces"]) == 32


def test_without_tokenizers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(DataError, match=r"pip install 'equimodal\[data\]'"):
        learned({"a": 1}, 1)
