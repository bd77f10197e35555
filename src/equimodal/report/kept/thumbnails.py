"""Small pictures of samples, whatever their modality: from arrays to PNG, without a library."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Pixels of the longer side, at most; what is larger is averaged down."""
_LONGEST = 160
_BYTE_TOKENS, _FIRST_BYTE = 259, 3

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


def shown(kind: str, row: NDArray[Any], vocabulary: int | None = None) -> dict[str, str]:
    """One sample of one modality as what a page shows: ``{"png": base64}`` or ``{"text": ...}``.

    Args:
        kind: kind of the modality, see `equimodal.data.Modality`.
        row: the sample, in the shape of its kind.
        vocabulary: number of tokens, of a text.
    """
    if kind == "text":
        return {"text": text_of(row, vocabulary)}
    return {"png": base64.b64encode(png(picture(kind, row))).decode("ascii")}


def picture(kind: str, row: NDArray[Any]) -> Pixels:
    """A sample as pixels, (H, W) in grey or (H, W, 3), from its darkest to its brightest value.

    Low frequencies of a spectrogram are at the bottom. A video shows its middle frame, a sequence
    its steps from left to right, a vector its entries from left to right.
    """
    values = np.nan_to_num(np.asarray(row, np.float64), posinf=0.0, neginf=0.0)
    return _bytes(_small(_PLANES.get(kind, _vector)(values)))


def _image(values: Floats) -> Floats:
    return values.transpose(1, 2, 0) if len(values) == 3 else values.mean(0)


def _spectrogram(values: Floats) -> Floats:
    flipped: Floats = values.mean(0)[::-1]
    return flipped


def _video(values: Floats) -> Floats:
    return _image(values[len(values) // 2])


def _sequence(values: Floats) -> Floats:
    """(T, D + 1), the last column 1 where there is a step -> (D, steps)"""
    there = values[values[:, -1] > 0, :-1]
    return there.T if len(there) else values[:1, :-1].T


def _vector(values: Floats) -> Floats:
    return values.reshape(1, -1)


_PLANES = {"image": _image, "spectrogram": _spectrogram, "video": _video, "sequence": _sequence}


def _small(plane: Floats) -> Floats:
    """Averaged down to at most `SIDE` pixels a side; a strip of one pixel may be longer."""
    longest = _LONGEST if len(plane) == 1 else SIDE
    return _averaged(_averaged(plane, 0, longest), 1, longest)


def _averaged(plane: Floats, axis: int, longest: int) -> Floats:
    size = plane.shape[axis]
    if size <= longest:
        return plane
    edges = np.arange(longest) * size // longest
    sums = np.add.reduceat(np.moveaxis(plane, axis, -1), edges, -1)
    averages: Floats = np.moveaxis(sums / np.diff([*edges, size]), -1, axis)
    return averages


def _bytes(plane: Floats) -> Pixels:
    low, high = plane.min(), plane.max()
    scaled = (plane - low) / (high - low) if high > low else np.full(plane.shape, 0.5)
    pixels: Pixels = np.rint(255 * scaled).astype(np.uint8)
    return pixels


def png(pixels: Pixels) -> bytes:
    """A PNG file of pixels (H, W) in grey or (H, W, 3) in colour, 8 bits a channel."""
    height, width = pixels.shape[:2]
    colour_type = 2 if pixels.ndim == 3 else 0
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def text_of(row: NDArray[Any], vocabulary: int | None) -> str:
    """A text from its tokens: the letters where tokens are bytes, else how many words there are."""
    tokens = [int(token) for token in np.asarray(row).ravel() if token > 0]
    if vocabulary == _BYTE_TOKENS:
        letters = bytes(t - _FIRST_BYTE for t in tokens if _FIRST_BYTE <= t < _BYTE_TOKENS)
        return letters.decode("utf-8", "replace")[:200]
    return f"a text of {max(0, len(tokens) - 1)} words"
