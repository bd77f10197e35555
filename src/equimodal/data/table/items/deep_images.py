"""png of 16 bits a channel, of which Pillow keeps only grey: -> (channels, height, width)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.items.decode import Array, Opened
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit
from equimodal.errors import DataError

Wanted = tuple[int, int, int]
"""Channels, height and width."""
_GREY, _COLOUR, _GREY_ALPHA, _ALPHA = 0, 2, 4, 6  # types of a png
_LUMA = np.array([0.299, 0.587, 0.114])
_TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
    6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip


def bits(source: Opened) -> int:
    """Bits of a channel."""
    head = _head(source)
    return head[24] if head[:8] == b"\x89PNG\r\n\x1a\n" and head[12:16] == b"IHDR" else 8


def orientation(image: Any) -> Any:
    """The orientation that a camera noted; 1 is upright."""
    return image.getexif().get(0x0112, 1)


def has_alpha(image: Any) -> bool:
    """Whether a part of the image may be transparent."""
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def transparent(image: Any) -> bool:
    """Whether a part of the image is transparent."""
    return bool(image.convert("RGBA").getchannel("A").getextrema()[0] < 255)


def deep_picture(
    source: Opened, image: Any, wanted: Wanted, background: str
) -> tuple[NDArray[np.float64], bool]:
    """A picture of 16 bits, its values divided by 257, and whether it is transparent in part.

    Args:
        source: the file.
        image: the same, as Pillow has loaded it.
        wanted: channels, height and width.
        background: what shows through, white or black.

    Raises:
        Unfit: it is grey with transparency, which nothing here reads in 16 bits.
    """
    behind = 65535.0 if background == "white" else 0.0
    kind = _head(source)[25]
    if kind == _GREY:
        values = np.asarray(image).astype(np.float64)[..., None]
        seen = np.ones(values.shape)
        if "transparency" in image.info:
            seen[values == image.info["transparency"]] = 0
    elif kind == _GREY_ALPHA:
        raise Unfit(
            "unreadable",
            "is grey of 16 bits with transparency, of which 8 could be read; save it without",
        )
    else:
        values, seen = _colours(source, image)
    clear = bool((seen < 1).any())
    values = values * seen + behind * (1 - seen)
    if wanted[0] == 1 and values.shape[-1] == 3:
        values = values @ _LUMA[:, None]
    planes = [_fitted(values[..., c], image, wanted) for c in range(values.shape[-1])]
    return np.stack(planes * (wanted[0] // len(planes))), clear


def _colours(source: Opened, image: Any) -> tuple[Array, Array]:
    """Colours (H, W, 3) and how much of them is seen (H, W, 1)."""
    try:
        av = extra("av", "png images of 16 bits a colour")
    except DataError as error:
        raise Unfit("unreadable", f"cannot be read: {error}") from error
    source.file.seek(0)
    with av.open(source.file, format="png_pipe") as container:
        frame = next(container.decode(video=0))
    values = frame.to_ndarray().astype(np.float64)
    if values.shape[:2] != (image.height, image.width):
        raise Unfit("unreadable", "is a damaged image")
    colours, seen = values[..., :3], values[..., 3:] / 65535
    if not seen.size:
        seen = np.ones((*values.shape[:2], 1))
        if isinstance(clear := image.info.get("transparency"), tuple):
            seen[(colours == clear).all(-1)] = 0
    return colours, seen


def _fitted(plane: Array, image: Any, wanted: Wanted) -> Array:
    """A channel upright and at the wanted size, in the levels of a byte."""
    images = extra("PIL.Image", "images")
    shown = images.fromarray((plane / 257).astype(np.float32))
    turn = _TURNS.get(orientation(image))
    if turn:
        shown = shown.transpose(getattr(images.Transpose, turn))
    size = (wanted[2], wanted[1])
    if shown.size != size:
        shown = extra("PIL.ImageOps", "images").fit(shown, size)
    fitted: Array = np.asarray(shown).clip(0, 255)
    return fitted


def _head(source: Opened) -> bytes:
    source.file.seek(0)
    head = source.file.read(32)
    source.file.seek(0)
    return head.ljust(32, b"\0")
