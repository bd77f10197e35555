"""The settings that a manifest leaves open, from the headers of its files."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from equimodal.data.table.items.arrays.readers import version_of
from equimodal.data.table.items.digits import DOUBLE, needs_double
from equimodal.data.table.items.numbers import AXES
from equimodal.data.table.items.text import pieces
from equimodal.data.table.items.text.pretrained_tokens import is_pretrained, named, tokenizer_of
from equimodal.data.table.items.texts import row_length, vocabulary
from equimodal.data.table.mixed.fitting import fitted
from equimodal.data.table.reading.facts import Facts
from equimodal.data.table.reading.settings import VARIATION
from equimodal.errors import DataError

LARGEST_IMAGE = 128
IMAGE = 64
FRAMES = 8
DEEP = 16
"""Bits a channel, of which all are kept."""
RATE = 16_000
SECONDS = 10.0
BANDS = 40
STEPS = 256
TOKENS = 128
WORDS = 10_000

Settings = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """All settings of a modality, and the shape and type of its rows in the cache.

    ``variation`` holds the declared settings that change no row.
    """

    settings: Settings
    shape: tuple[int, ...]
    dtype: str
    variation: Settings = field(default_factory=dict)


def is_declared(kind: str, declared: Mapping[str, Any]) -> bool:
    """Whether the declared settings leave nothing to be found in the files."""
    sound = ("rate", "seconds")
    needed = {"sound": sound, "waveform": sound, "video": ()}
    return kind in needed and all(name in declared for name in needed[kind])


def form(kind: str, declared: Mapping[str, Any], facts: Facts) -> Form:
    """The settings in force: those that are declared, the others from the facts of the files.

    Raises:
        DataError: a part that is to be cut out is larger than the picture.
    """
    rows = {name: value for name, value in declared.items() if name not in VARIATION}
    if "reader" in rows:  # another version may read otherwise
        rows["package"] = version_of(rows["reader"])
    found = _FORMS[kind](rows, facts)
    variation = {name: value for name, value in declared.items() if name in VARIATION}
    _check_crop(variation, found.shape)
    return replace(found, variation=variation)


def _check_crop(variation: Settings, shape: tuple[int, ...]) -> None:
    crop = variation.get("crop")
    if crop and (crop[0] > shape[-2] or crop[1] > shape[-1]):
        raise DataError(f"crop {crop} is larger than the size {list(shape[-2:])}; declare a size.")
    if not crop and "crop" in variation.get("augment", ()):
        raise DataError(
            "augment has crop, but no crop is declared; write crop: and its sides, smaller than "
            "size, or resized_crop."
        )


def _image(found: Settings, facts: Facts) -> Form:
    sizes = {tuple(fact["size"]) for fact in facts}
    own = next(iter(sizes)) if len(sizes) == 1 else (LARGEST_IMAGE + 1,)
    found.setdefault("size", list(own) if max(own) <= LARGEST_IMAGE else [IMAGE, IMAGE])
    grey = bool(facts) and all(fact["channels"] == 1 for fact in facts)
    found.setdefault("channels", 1 if grey else 3)
    # Left out at 8 bits, so that cached rows stay valid.
    deep = any(fact.get("depth") == DEEP for fact in facts)
    if deep:
        found["depth"] = DEEP
    return Form(found, (found["channels"], *found["size"]), "f4" if deep else "u1")


def _waveform(found: Settings, facts: Facts) -> Form:
    rate = _commonest((fact["rate"] for fact in facts), RATE)
    found.setdefault("rate", min(rate, RATE))
    longest = max((fact["seconds"] for fact in facts), default=1.0)
    found.setdefault("seconds", min(max(math.ceil(100 * longest) / 100, 0.01), SECONDS))
    found.setdefault("level", "peak")
    return Form(found, (round(found["seconds"] * found["rate"]), 2), "f4")


def _sound(found: Settings, facts: Facts) -> Form:
    found = _waveform(found, facts).settings
    # Settings that came later are left out at their defaults, so that cached rows stay valid.
    linear = found.get("scale") == "linear"
    if linear and "bands" in found:
        raise DataError("bands are of the mel scale; leave bands out, or scale: linear.")
    if not linear:
        found.pop("scale", None)
        found.setdefault("bands", BANDS)
    if found.get("short") == "silence":
        del found["short"]
    # Windows of about 32 ms, as a power of two, every 25 ms.
    found.setdefault("window", 2 ** max(4, round(math.log2(0.032 * found["rate"]))))
    found.setdefault("hop", max(1, found["rate"] // 40))
    frames = 1 + round(found["seconds"] * found["rate"]) // found["hop"]
    bands = found["window"] // 2 + 1 if linear else found["bands"]
    return Form(found, (1, bands, frames), "f4")


def _video(found: Settings, facts: Facts) -> Form:
    found.setdefault("size", [IMAGE, IMAGE])
    found.setdefault("frames", FRAMES)
    return Form(found, (found["frames"], 3, *found["size"]), "u1")


def _text(found: Settings, facts: Facts) -> Form:
    """Words are counted in training texts alone; the facts are those of training.

    Where words read otherwise than signs do, they would be cut apart, or run together.
    """
    apart = any(fact.get("apart") for fact in facts)
    found.setdefault("tokens", "signs" if apart else "words")
    if is_pretrained(found["tokens"]):
        return _pretrained(found, facts)
    longest = max((sum(fact[n] for n in _LENGTHS[found["tokens"]]) for fact in facts), default=1)
    found.setdefault("length", min(max(longest, 1), TOKENS))
    most = found.pop("vocabulary", WORDS)
    if found["tokens"] == "pieces":
        found["pieces"] = pieces.learned(_counts(facts, "words", "apart"), most)
    elif found["tokens"] != "bytes":
        apart_too = ("apart",) if found["tokens"] == "signs" else ()
        found["words"] = vocabulary(_counts(facts, "words", *apart_too), most)
    return Form(found, (row_length(found),), "i4")


# A word has at most a piece for each byte, and one for the blank before it.
_LENGTHS = {
    "words": ("length",),
    "signs": ("signs",),
    "bytes": ("bytes",),
    "pieces": ("signs", "bytes"),
}


def _counts(facts: Facts, *names: str) -> Counter[str]:
    """How often each token occurs, by all of these facts together."""
    counts: Counter[str] = Counter()
    for fact in facts:
        for name in names:
            counts.update(fact[name])
    return +counts


def _pretrained(found: Settings, facts: Facts) -> Form:
    """The tokenizer itself; a text has at most a token for each byte, and one at either end."""
    if "vocabulary" in found:
        raise DataError(
            f"tokens: {named(found['tokens'])} brings its own vocabulary, found vocabulary: "
            f"{found['vocabulary']}; leave that out."
        )
    longest = max((fact["bytes"] for fact in facts), default=1)
    found.setdefault("length", min(longest + 2, TOKENS))
    found["tokenizer"] = tokenizer_of(found["tokens"])
    found["tokens"] = named(found["tokens"])
    return Form(found, (row_length(found),), "i4")


def _array(found: Settings, facts: Facts, shapes: Iterable[Sequence[int]], axes: int) -> Form:
    """Arrays that all have the shape that most have."""
    found["shape"] = list(_commonest((tuple(s) for s in shapes if len(s) == axes), (1,) * axes))
    return Form(found, tuple(found["shape"]), _precision(found, facts))


def _precision(found: Settings, facts: Facts) -> str:
    """The type of a row; single precision is left out of the settings, so that cached rows stay."""
    name = found.get("array")
    for ranges in (fact["ranges"] for fact in facts if fact.get("ranges")):
        chosen = ranges.get(name) if name else next(iter(ranges.values()))
        if chosen and needs_double(chosen):
            found["digits"] = DOUBLE
            return "f8"
    return "f4"


def _vector(found: Settings, facts: Facts) -> Form:
    """A table of one line or one column is a vector."""
    shapes = _shapes(found, facts)
    return _array(found, facts, ([math.prod(s)] if 1 in s else s for s in shapes), AXES["vector"])


def _spectrogram(found: Settings, facts: Facts) -> Form:
    """A spectrogram of one channel may come without that axis."""
    shapes = _shapes(found, facts)
    return _array(
        found, facts, ([1, *s] if len(s) == 2 else s for s in shapes), AXES["spectrogram"]
    )


def _sequence(found: Settings, facts: Facts) -> Form:
    shapes = [shape for shape in _shapes(found, facts) if len(shape) == AXES["sequence"]]
    found["width"] = _commonest((shape[1] for shape in shapes), 1)
    found.setdefault("length", min(max((shape[0] for shape in shapes), default=1) or 1, STEPS))
    precision = _precision(found, facts)
    return Form(found, (found["length"], found["width"] + 1), precision)


_FORMS = {
    "image": _image,
    "sound": _sound,
    "waveform": _waveform,
    "video": _video,
    "text": _text,
    "vector": _vector,
    "numbers": _vector,
    "table": lambda found, facts: Form(*fitted(found, facts)),
    "spectrogram": _spectrogram,
    "sequence": _sequence,
}


def _shapes(found: Mapping[str, Any], facts: Facts) -> list[list[int]]:
    """The shape of the array that is used of each file."""
    name = found.get("array")
    shapes = []
    for fact in facts:
        by_name: dict[str, list[int]] = fact["shapes"]
        chosen = by_name.get(name) if name else next(iter(by_name.values()), None)
        if chosen:
            shapes.append(chosen)
    return shapes


def _commonest(values: Iterable[Any], default: Any) -> Any:
    """The most frequent value, of several the smallest."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value)) if counts else default
