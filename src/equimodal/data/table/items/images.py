"""Pictures through Pillow: -> (channels, height, width) of bytes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from equimodal.data.table.items.decode import Array, Item, Opened, Reader
from equimodal.data.table.items.deep_images import (
    Wanted,
    bits,
    deep_picture,
    has_alpha,
    orientation,
    transparent,
)
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit

MOST_PIXELS = 50_000_000
_FORMATS = ("png", "jpeg", "webp", "bmp", "tiff", "gif")
_DEEP = ("I", "F")
"""What modes of more than 8 bits a channel begin with."""
_EXCHANGED = (5, 6, 7, 8)
"""EXIF orientations that exchange height and width."""


def facts(source: Opened) -> dict[str, Any]:
    """Height, width, channels and bits of a channel, from the header."""
    image = _open(source)
    width, height = image.size
    # A picture turned by its camera's note has its sides exchanged.
    if orientation(image) in _EXCHANGED:
        width, height = height, width
    found = {"size": [height, width], "channels": _channels(image)}
    return found | ({"depth": 16} if bits(source) == 16 else {})


def decode(source: Opened, settings: Mapping[str, Any]) -> Item:
    """The image at the declared size: over its background where it is transparent, cut to its
    shape in the middle, then scaled.

    Of a column with 16 bits a channel, all bits are kept, as parts of the 255 levels of a byte.

    Raises:
        Unfit: it is damaged, cut short, too large, or no png or jpeg.
    """
    deep = bits(source) == 16
    image = _open(source)
    own = (_channels(image), image.height, image.width)
    wanted = (settings["channels"], *settings["size"])
    background = settings.get("background", "white")
    try:
        image.load()
        if deep:
            array, clear = deep_picture(source, image, wanted, background)
        else:
            array, clear = _picture(image, wanted, background)
    except Unfit:
        raise
    except Exception as error:  # damage shows anywhere in the reader, as any kind of error
        code = "truncated" if "truncated" in str(error).lower() else "unreadable"
        raise Unfit(code, f"is a damaged image ({error})") from error
    array = array if settings.get("depth") == 16 else array.round().astype(np.uint8)
    same = float(array.min()) == float(array.max())
    warnings = [("blank", "is of one colour")] if same else []
    if clear:
        warnings.append(("transparent", f"is transparent in part: shown over {background}"))
    kept = np.ascontiguousarray(array, np.float32 if settings.get("depth") == 16 else np.uint8)
    return Item(kept, own, warnings=warnings, revision=int(clear and not deep))


def revision(source: Opened) -> int:
    """1 for a picture that is transparent in part: its hidden colours were read before."""
    if bits(source) == 16:
        return 0
    image = _open(source)
    return int(has_alpha(image) and transparent(image))


def _picture(image: Any, wanted: Wanted, background: str) -> tuple[Array, bool]:
    """A picture of one byte a channel: -> (C, H, W), and whether it is transparent in part."""
    operations = extra("PIL.ImageOps", "images")
    clear = has_alpha(image) and transparent(image)
    image = operations.exif_transpose(image)
    if clear:
        over = extra("PIL.Image", "images").new("RGBA", image.size, background)
        over.alpha_composite(image.convert("RGBA"))
        image = over
    image = _in_mode(image, "L" if wanted[0] == 1 else "RGB")
    if image.size != wanted[:0:-1]:
        image = operations.fit(image, wanted[:0:-1])
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1), clear


def _open(source: Opened) -> Any:
    images = extra("PIL.Image", "images")
    try:
        with warnings.catch_warnings():
            # Our own limit is lower, and the finding says it.
            warnings.simplefilter("ignore", images.DecompressionBombWarning)
            image = images.open(source.file, formats=_readers(source))
    except images.DecompressionBombError as error:
        raise Unfit("large", f"is too large ({error})") from error
    except Exception as error:  # Pillow raises whatever its readers meet
        raise Unfit("unreadable", f"is no {source.format}, or its header is damaged") from error
    if image.width * image.height > MOST_PIXELS:
        raise Unfit("large", f"has {image.width}x{image.height} pixels, more than {MOST_PIXELS:,}")
    _check_one(source, image)
    return image


def _readers(source: Opened) -> tuple[str, ...]:
    """The reader of the file's own format; a png or jpeg may be named as the other."""
    if source.format in ("png", "jpeg") or source.format not in _FORMATS:
        return ("PNG", "JPEG")
    return (source.format.upper(),)


def _check_one(source: Opened, image: Any) -> None:
    """Nothing, where the file is one picture whose channels are read whole.

    Raises:
        Unfit: it holds several, or is no png and has more than 8 bits a channel.
    """
    count = getattr(image, "n_frames", 1)
    if count > 1:
        raise Unfit(
            "unreadable",
            f"holds {count} pictures, and an image is one: save one of them, or all as an mp4",
        )
    if image.mode.startswith(_DEEP) and source.format not in ("png", "jpeg"):
        raise Unfit("unreadable", f"is a {source.format} of more than 8 bits; save it as a png")


def _channels(image: Any) -> int:
    return 1 if image.mode in ("1", "L", "LA") or image.mode.startswith("I") else 3


def _in_mode(image: Any, mode: str) -> Any:
    """The image in one byte per channel."""
    if image.mode == "P":
        image = image.convert("RGBA")  # whose transparency Pillow cannot drop in one step
    return image if image.mode == mode else image.convert(mode)


READERS = {"image": Reader(decode, facts, revision)}
