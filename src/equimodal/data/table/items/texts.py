"""Text, inline or from a file: -> token numbers (length,), padded with 0."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from equimodal.data.table.items.decode import Item, Opened, Reader
from equimodal.data.table.items.text import pieces, pretrained_tokens
from equimodal.data.table.reading.findings import Unfit

START, UNKNOWN, RESERVED = 1, 2, 3  # 0 pads
MOST_BYTES = 1_000_000
BYTES = 256
_WORD = re.compile(r"\w+|[^\w\s]")
_RANGES = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007"
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9df\ua9e0-\ua9ff\uaa60-\uaadf"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
WITHOUT_BLANKS = re.compile(f"[{_RANGES}]")
"""A sign of a script that is written without blanks between its words: Thai, Lao, Tibetan, Burmese,
Khmer, Tai, Javanese, Balinese, kana and the ideographs."""


def facts(source: Opened | str) -> dict[str, Any]:
    """The words with how often each occurs, and the lengths in words, signs and bytes.

    "apart" holds how much more often each token occurs in `signs`; a text in English has none.
    """
    text = _text(source)
    found, other = words(text), signs(text)
    counts, apart = Counter(found), Counter(other)
    if found != other:
        apart.subtract(counts)
    return {
        "words": dict(counts), "apart": dict(apart) if found != other else {},
        "length": len(found), "signs": len(other), "bytes": len(text.encode()),
    }  # fmt: skip


def decode(source: Opened | str, settings: Mapping[str, Any]) -> Item:
    """The text's tokens after a start token, or as a pretrained tokenizer gives them; tokens beyond
    the declared length are dropped.

    Raises:
        Unfit: the file is too large or no UTF-8, or there is no word in the text.
    """
    text, length = _text(source), settings["length"]
    if "tokenizer" in settings:
        kept, count = pretrained_tokens.numbers(settings["tokenizer"], text, length)
    else:
        found = _numbers(text, settings)
        kept, count = [START, *found][: length + 1], len(found)
    if not text.strip() or not count:
        raise Unfit("empty", "holds no word")
    row = np.zeros(row_length(settings), np.int32)
    row[: len(kept)] = kept
    more = count > length
    warnings = [("cut", f"has {count} tokens of {length}")] if more else []
    return Item(row, (count,), warnings=warnings)


def row_length(settings: Mapping[str, Any]) -> int:
    """Numbers of a row: its tokens, and of our own a start token before them."""
    return int(settings["length"]) + ("tokenizer" not in settings)


def _numbers(text: str, settings: Mapping[str, Any]) -> list[int]:
    if settings["tokens"] == "bytes":
        return [RESERVED + byte for byte in text.encode()]
    if settings["tokens"] == "pieces":
        return [RESERVED + number for number in pieces.numbers(settings["pieces"], signs(text))]
    places = _places(tuple(settings["words"]))
    cut = signs if settings["tokens"] == "signs" else words
    return [places.get(word, UNKNOWN) for word in cut(text)]


def words(text: str) -> list[str]:
    """Words and punctuation marks of a text, in lower case."""
    return _WORD.findall(text.lower())


def signs(text: str) -> list[str]:
    """Words, marks and, of scripts without blanks between words, single signs, in lower case.

    A letter keeps the marks that belong to it, as the vowel signs of Hindi, and has one form
    however it was typed.
    """
    return _signs().findall(unicodedata.normalize("NFC", text.lower()))


@lru_cache(maxsize=1)
def _signs() -> re.Pattern[str]:
    marks = "".join(
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M"
    )
    # Joiners stand inside words; the marks of scripts without blanks stay with their own letters.
    inside = "\u200c\u200d" + re.sub(f"[{_RANGES}]", "", marks)
    return re.compile(
        rf"[{_RANGES}][{marks}]*|(?![{_RANGES}])\w(?:(?![{_RANGES}])[\w{inside}])*|[^\w\s]"
    )


def vocabulary(counts: Mapping[str, int], most: int) -> list[str]:
    """The ``most`` frequent words, those of one frequency in the order of the alphabet."""
    return sorted(counts, key=lambda word: (-counts[word], word))[:most]


@lru_cache(maxsize=4)
def _places(known: tuple[str, ...]) -> dict[str, int]:
    return {word: RESERVED + place for place, word in enumerate(known)}


def _text(source: Opened | str) -> str:
    if isinstance(source, str):
        return source
    if source.size > MOST_BYTES:
        raise Unfit("large", f"has {source.size:,} bytes, more than {MOST_BYTES:,}")
    try:
        return source.file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unfit("unreadable", f"is no UTF-8 text ({error.reason})") from error


READERS = {"text": Reader(decode, facts)}
