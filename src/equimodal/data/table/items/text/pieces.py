"""Pieces of words, learned on the training texts: frequent ones are whole, none is unknown.

Byte-pair encoding within the words and letters of `texts.signs`, by the package tokenizers. What
was learned travels as its JSON, as a vocabulary of words does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from equimodal.data.table.reading.extras import extra

RARE = 10
"""Pairs that occur less often are not joined: their embedding could not be learned."""


def learned(counts: Mapping[str, int], most: int) -> str:
    """The tokenizer of words that occur so often, of at most ``most`` pieces besides the 256 bytes.

    Raises:
        DataError: tokenizers is not installed.
    """
    made = extra("tokenizers", "tokens: pieces")
    tokenizer = made.Tokenizer(made.models.BPE())
    bytewise = made.pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    tokenizer.pre_tokenizer = bytewise
    alphabet = sorted(bytewise.alphabet())
    trainer = made.trainers.BpeTrainer(
        vocab_size=len(alphabet) + most, min_frequency=RARE, initial_alphabet=alphabet,
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(_repeated(counts), trainer)
    text: str = tokenizer.to_str()
    return text


def numbers(tokenizer: str, words: Sequence[str]) -> list[int]:
    """The numbers of the pieces of a text's words."""
    found: list[int] = _tokenizer(tokenizer).encode(list(words), is_pretokenized=True).ids
    return found


def count(tokenizer: str) -> int:
    """How many pieces there are."""
    size: int = _tokenizer(tokenizer).get_vocab_size()
    return size


def _repeated(counts: Mapping[str, int]) -> Iterator[str]:
    for word in sorted(counts):
        for _ in range(counts[word]):
            yield word


@lru_cache(maxsize=4)
def _tokenizer(tokenizer: str) -> Any:
    return extra("tokenizers", "tokens: pieces").Tokenizer.from_str(tokenizer)
