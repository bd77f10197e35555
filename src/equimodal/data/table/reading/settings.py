"""The kinds of a manifest's columns, and the settings that each may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from equimodal.checks import require_settings
from equimodal.data.arrays import Kind
from equimodal.data.settings import choice, number, whole
from equimodal.data.table.items.arrays.readers import known_reader
from equimodal.data.table.items.text.pretrained_tokens import is_pretrained
from equimodal.errors import DataError, quoted

Check = Callable[[str, Any], Any]
_LONGEST = 8
AUGMENTATIONS = ("crop", "resized_crop", "flip", "flow_flip")
"""How pictures may vary in training, see `equimodal.data.variation`."""


@dataclass(frozen=True)
class Spec:
    """A kind: what the model gets, the extensions of its files (none: inline), its settings."""

    model: Kind
    extensions: tuple[str, ...]
    settings: Mapping[str, Check]


def _size(name: str, value: object) -> list[int]:
    """Height and width; one number stands for both."""
    sides = value if isinstance(value, list) else [value, value]
    if len(sides) != 2:
        raise DataError(f"{name} must be one side or [height, width]; found {quoted(value)}.")
    return [whole(name, side, low=1, high=1024) for side in sides]


def _channels(name: str, value: object) -> int:
    if value in (1, 3):
        return int(value)
    raise DataError(f"{name} must be 1 (grey) or 3 (colour); found {quoted(value)}.")


def _array(name: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise DataError(
        f"{name} must be the name of an array in the npz or mat files; found {quoted(value)}."
    )


def _tokens(name: str, value: object) -> str:
    if is_pretrained(value) or value in ("words", "signs", "pieces", "bytes"):
        return str(value)
    raise DataError(
        f"{name} must be words, signs, pieces, bytes, or hf:<folder or name> for the tokenizer of "
        f"a Hugging Face model; found {quoted(value)}."
    )


def _sign(name: str, value: object) -> str:
    """What stands between names in a cell."""
    if isinstance(value, str) and value.strip() and len(value) <= _LONGEST:
        return value.strip()
    raise DataError(f"{name} must be a sign such as ';' or '|'; found {quoted(value)}.")


def _columns(name: str, value: object) -> list[str]:
    """Names of columns."""
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise DataError(f"{name} must be a list of columns; found {quoted(value)}.")
    return value


def _whole(low: int, high: int) -> Check:
    return partial(whole, low=low, high=high)


def _choice(*options: str) -> Check:
    return partial(choice, choices=options)


def _names(name: str, value: object) -> list[str]:
    """Some of `AUGMENTATIONS`, as a list or with commas between them."""
    names = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or len(set(map(str, names))) < len(names):
        raise DataError(
            f"{name} must be some of {', '.join(AUGMENTATIONS)}; found {quoted(value)}."
        )
    found = [choice(name, each, AUGMENTATIONS) for each in names]
    for pair in (("crop", "resized_crop"), ("flip", "flow_flip")):
        if set(pair) <= set(found):
            raise DataError(f"{name} has {' and '.join(pair)}; write one of the two.")
    return found


VARIATION: dict[str, Check] = {"crop": _size, "augment": _names}
"""Settings of pictures that change no stored row, but what is made of it when it is read."""
_SOUND: dict[str, Check] = {
    "rate": _whole(100, 192_000),
    "seconds": partial(number, low=0.01, high=600),
    "bands": _whole(1, 512),
    "window": _whole(16, 65_536),
    "hop": _whole(1, 65_536),
    "level": _choice("peak", "as_is"),
    "scale": _choice("mel", "linear"),
    "short": _choice("silence", "repeat"),
}
_WAVEFORM = {name: _SOUND[name] for name in ("rate", "seconds", "level")}
_SOUNDS = ("wav", "flac", "ogg", "oga", "opus", "mp3", "m4a")
_ARRAY: dict[str, Check] = {"array": _array, "reader": known_reader}
KINDS: dict[str, Spec] = {
    "image": Spec(
        "image",
        ("png", "jpg", "jpeg", "webp", "bmp", "tiff", "tif", "gif"),
        {
            "size": _size,
            "channels": _channels,
            "background": _choice("white", "black"),
            **VARIATION,
        },
    ),
    "sound": Spec("spectrogram", _SOUNDS, _SOUND),
    "waveform": Spec("sequence", _SOUNDS, _WAVEFORM),
    "video": Spec(
        "video",
        ("mp4", "mov", "avi", "flv", "mkv", "webm"),
        {"size": _size, "frames": _whole(1, 64), "separator": _sign, **VARIATION},
    ),
    "text": Spec(
        "text",
        ("txt",),
        {
            "length": _whole(1, 512),
            "tokens": _tokens,
            "vocabulary": _whole(1, 100_000),
        },
    ),
    "vector": Spec("vector", ("npy", "npz", "mat", "csv"), _ARRAY),
    "sequence": Spec(
        "sequence", ("npy", "npz", "mat", "csv"), {**_ARRAY, "length": _whole(1, 1024)}
    ),
    "spectrogram": Spec("spectrogram", ("npy", "npz", "mat"), _ARRAY),
    "numbers": Spec("vector", (), {}),
    "table": Spec(
        "vector",
        (),
        {"numbers": _columns, "categories": _columns, "most": _whole(2, 10_000)},
    ),
}


def checked_settings(place: str, kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a declared modality, each checked by its kind's rule.

    Raises:
        DataError: the kind is not declared or has no such setting, or a value is wrong.
    """
    if found and not kind:
        raise DataError(
            f"{place}.kind is missing; write one of {', '.join(KINDS)} before the setting "
            f"'{next(iter(found))}'."
        )
    checks = KINDS[kind].settings if kind else {}
    keys = ("column", "columns", "kind", "encoder", "missing", *checks)
    require_settings(f"{place} ({kind})", found, keys, error=DataError)
    return {name: checks[name](f"{place}.{name}", value) for name, value in found.items()}
