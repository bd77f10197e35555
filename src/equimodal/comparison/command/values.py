"""How an argument's text becomes a value, and a value the text that is read as it again.

A wrong text says what to write instead.
"""

import json
import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from equimodal.errors import BalanceError

Number = TypeVar("Number", int, float)

_WORDS = {"true": True, "false": False, "none": None, "null": None}


def _convert(text: str, kind: Callable[[str], Number], example: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise ArgumentTypeError(f"found '{text}', write {example}") from None


def whole_number(text: str) -> int:
    """The text as an int."""
    return _convert(text, int, "a whole number such as 20")


def words(text: str) -> list[str]:
    """The names between the commas of the text."""
    found = [word.strip() for word in text.split(",")]
    if "" in found:
        raise ArgumentTypeError(f"found '{text}', write names with commas such as joint,amss")
    return found


def seeds(text: str) -> int | list[int]:
    """The number of seeds for `3`, the seeds themselves for `0,1,7` or `7,`."""
    example = "how many seeds (3), or which (0,1,7)"
    found = [_convert(word, int, example) for word in text.removesuffix(",").split(",")]
    return found if "," in text else found[0]


def seed(text: str) -> tuple[int]:
    """The text as the only seed."""
    return (whole_number(text),)


def share(text: str) -> float:
    """The text as a number of CPUs or GPUs."""
    return _convert(text, float, "a number such as 0.25 or 2")


def rate(text: str) -> float:
    """The text as one learning rate."""
    return _convert(text, float, "one number such as 0.01; `equimodal compare` searches several")


def rates(text: str) -> list[float]:
    """The numbers between the commas of the text."""
    return [
        _convert(word, float, "a number such as 0.01, or 0.01,0.03") for word in text.split(",")
    ]


def settings(texts: Sequence[str]) -> dict[str, object]:
    """`KEY=VALUE` texts as one dictionary, with values as `setting_value` reads them.

    Raises:
        BalanceError: a text has no key or no `=`, or a key comes twice.
    """
    found = _pairs(texts, "--set", "KEY=VALUE", "amss.tau=0.2")
    return {key: setting_value(value) for key, value in found.items()}


def encoders(texts: Sequence[str]) -> dict[str, str]:
    """`MODALITY=NAME` texts as one dictionary.

    Raises:
        BalanceError: a text has no modality or no `=`, or a modality comes twice.
    """
    return _pairs(texts, "--encoder", "MODALITY=NAME", "image=resnet18")


def _pairs(texts: Sequence[str], option: str, form: str, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not key or not equals:
            raise BalanceError(f"{option} needs {form}, found '{text}'; write {option} {example}.")
        if key in found:
            raise BalanceError(f"{option} gives {key} twice; write it once.")
        found[key] = value
    return found


def setting_value(text: str) -> object:
    """A number, true, false, none, a name, or a tuple of these where the text holds commas.

    A tuple of one is written `0.5,`. JSON is read too, for what cannot be written so: a name that
    holds commas, or looks like a number.
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return _with_tuples(json.loads(text))
    except (ValueError, RecursionError):  # no JSON; a number of too many digits; too many brackets
        parts = text.removesuffix(",").split(",")
        return tuple(map(setting_value, parts)) if "," in text else text


def _with_tuples(value: Any) -> Any:
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def setting_text(value: object) -> str:
    """The text that `setting_value` reads as this value, a list as a tuple."""
    text = _joined(value)
    # Blanks at the ends of an option's value are dropped.
    exact = text == text.strip() and json.dumps(setting_value(text)) == json.dumps(value)
    return text if exact else json.dumps(value)


def _joined(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_joined, value)) + ("," if len(value) == 1 else "")
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def short_text(value: object, digits: int) -> str:
    """A value to be shown: a name as it is, numbers with at most so many digits."""
    return value if isinstance(value, str) else setting_text(_rounded(value, digits))


def _rounded(value: object, digits: int) -> object:
    if isinstance(value, list | tuple):
        return tuple(_rounded(item, digits) for item in value)
    if isinstance(value, float) and math.isfinite(value):
        return json.loads(f"{value:.{digits}g}")
    return value


def setting_texts(values: Mapping[str, object]) -> list[str]:
    """The texts that `settings` reads as these values."""
    return [f"{key}={setting_text(value)}" for key, value in values.items()]


def encoder_texts(names: Mapping[str, str]) -> list[str]:
    """The texts that `encoders` reads as these names."""
    return [f"{modality}={name}" for modality, name in names.items()]


def list_text(values: Sequence[object]) -> str:
    """What is written with commas between: names or numbers."""
    return ",".join(map(str, values))


def seeds_text(seeds: Sequence[int]) -> str:
    """The text that `seeds` reads as these: how many, of the first ones, or which."""
    if list(seeds) == list(range(len(seeds))):
        return str(len(seeds))
    return list_text(seeds) + ("," if len(seeds) == 1 else "")


def only_text(values: Sequence[object]) -> str:
    """The text of the only value, for an option that takes one where others take several."""
    (value,) = values
    return str(value)
