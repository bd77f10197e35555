"""Tokens of a Hugging Face model's own tokenizer: ``tokens: hf:<folder or name>``.

The tokenizer travels as its JSON, as the words of our own vocabulary do: rows in the cache are
keyed by what it says, and processes that read files need no transformers.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

from equimodal.data.dataset import HUGGING_FACE
from equimodal.data.table.reading.extras import extra
from equimodal.errors import DataError

_WEIGHTS = (".safetensors", ".bin", ".h5", ".msgpack", ".onnx")


def is_pretrained(tokens: object) -> TypeGuard[str]:
    """Whether the setting ``tokens`` names a tokenizer of Hugging Face."""
    return isinstance(tokens, str) and tokens.startswith(HUGGING_FACE) and tokens != HUGGING_FACE


def located(named: str, folder: Path) -> str:
    """``hf:<folder>``, with or without ``,frozen`` behind it, with the path of a folder beside the
    table; ``hf:<name>`` as it is."""
    inner, comma, rest = named.removeprefix(HUGGING_FACE).partition(",")
    place = folder / os.path.expanduser(inner)
    return f"{HUGGING_FACE}{place}{comma}{rest}" if place.is_dir() else named


def named(tokens: str) -> str:
    """The setting without the path of its folder."""
    place = tokens.removeprefix(HUGGING_FACE)
    return HUGGING_FACE + (Path(place).name if os.path.isdir(place) else place)


def stamp(tokens: str) -> bytes:
    """Names, sizes and times of the tokenizer's files, where they lie in a folder."""
    place = tokens.removeprefix(HUGGING_FACE)
    entries = os.scandir(place) if os.path.isdir(place) else ()
    found = hashlib.blake2b(digest_size=16)
    for entry in sorted(entries, key=lambda entry: entry.name):
        if not entry.name.endswith(_WEIGHTS):
            about = entry.stat()
            found.update(f"{entry.name} {about.st_size} {about.st_mtime_ns};".encode())
    return found.digest()


def tokenizer_of(tokens: str) -> str:
    """The tokenizer of a folder or name as JSON.

    Raises:
        DataError: transformers is not installed, or there is no such tokenizer.
    """
    place = tokens.removeprefix(HUGGING_FACE)
    purpose = f"tokens: {HUGGING_FACE}{Path(place).name}"
    load = extra("transformers", purpose, "huggingface").AutoTokenizer.from_pretrained
    try:
        try:
            found = load(place, local_files_only=True)
        except (OSError, ValueError):
            if os.path.isdir(place):
                raise
            found = load(place)
        text: str = found.backend_tokenizer.to_str()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"There is no tokenizer in '{place}' ({reason}). Without a network write tokens: "
            f"{HUGGING_FACE}FOLDER, a folder beside the table with the files of the tokenizer, as "
            "save_pretrained() writes them."
        ) from error
    return text


def vocabulary_size(tokenizer: str) -> int:
    """The largest number of a tokenizer's tokens plus one; some numbers may be left out."""
    known: dict[str, int] = _tokenizer(tokenizer, None).get_vocab(with_added_tokens=True)
    return 1 + max(known.values())


def numbers(tokenizer: str, text: str, length: int) -> tuple[list[int], int]:
    """At most ``length`` numbers of a text, its special tokens kept, and how many there are in all.

    Each number is the tokenizer's own plus one, as 0 pads.
    """
    whole = _tokenizer(tokenizer, None).encode(text).ids
    kept = whole if len(whole) <= length else _tokenizer(tokenizer, length).encode(text).ids
    return [number + 1 for number in kept], len(whole)


@lru_cache(maxsize=4)
def _tokenizer(tokenizer: str, length: int | None) -> Any:
    from tokenizers import Tokenizer

    found: Any = Tokenizer.from_str(tokenizer)
    found.no_padding()
    if length is None:
        found.no_truncation()
    else:
        found.enable_truncation(length)
    return found
