"""png and jpeg through Pillow: -> (channels, height, width) of bytes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from equimodal.data.table.items.decode import Item, Opened, Reader
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit

MOST_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG")


def facts(source: Opened) -> dict[str, Any]:
    """Height, width and channels, from the header."""
    image = _open(source)
    width, height = image.size
    # A picture turned by its camera's note has its sides exchanged.
    if image.getexif().get(0x0112, 1) >= 5:
        width, height = height, width
    return {"size": [height, width], "channels": _channels(image)}


def decode(source: Opened, settings: Mapping[str, Any]) -> Item:
    """The image at the declared size: cut to its shape in the middle, then scaled.

    Raises:
        Unfit: it is damaged, cut short, too large, or no png or jpeg.
    """
    operations = extra("PIL.ImageOps", "images")
    image = _open(source)
    own = (_channels(image), image.height, image.width)
    try:
        image.load()
        image = operations.exif_transpose(image)
    except Exception as error:  # damage shows anywhere in the reader, as any kind of error
        code = "truncated" if "truncated" in str(error).lower() else "unreadable"
        raise Unfit(code, f"is a damaged image ({error})") from error
    image = _in_mode(image, "L" if settings["channels"] == 1 else "RGB")
    height, width = settings["size"]
    if image.size != (width, height):
        image = operations.fit(image, (width, height))
    array = np.asarray(image)
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    same = int(array.min()) == int(array.max())
    warnings = [("blank", "is of one colour")] if same else []
    return Item(np.ascontiguousarray(array), own, warnings=warnings)


def _open(source: Opened) -> Any:
    images = extra("PIL.Image", "images")
    try:
        with warnings.catch_warnings():
            # Our own limit is lower, and the finding says it.
            warnings.simplefilter("ignore", images.DecompressionBombWarning)
            image = images.open(source.file, formats=_FORMATS)
    except images.DecompressionBombError as error:
        raise Unfit("large", f"is too large ({error})") from error
    except Exception as error:  # Pillow raises whatever its readers meet
        raise Unfit("unreadable", "is no png or jpeg, or its header is damaged") from error
    if image.width * image.height > MOST_PIXELS:
        raise Unfit("large", f"has {image.width}x{image.height} pixels, more than {MOST_PIXELS:,}")
    return image


def _channels(image: Any) -> int:
    return 1 if image.mode in ("1", "L", "LA") or image.mode.startswith("I") else 3


def _in_mode(image: Any, mode: str) -> Any:
    """The image in one byte per channel; 16 bits are scaled, where Pillow would cut them off."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image).astype(np.float32) / 257
        image = extra("PIL.Image", "images").fromarray(values.clip(0, 255).astype(np.uint8))
    if image.mode == "P":
        image = image.convert("RGBA")  # whose transparency Pillow cannot drop in one step
    return image if image.mode == mode else image.convert(mode)


READERS = {"image": Reader(decode, facts)}
