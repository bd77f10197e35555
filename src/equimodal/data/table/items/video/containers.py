"""Whether a video file has all the bytes that its own structure says it has."""

from __future__ import annotations

from collections.abc import Iterable

from equimodal.data.table.items.decode import Opened, check_riff
from equimodal.data.table.reading.findings import Unfit

_MOST_BOXES, _MOST_ELEMENTS = 1 << 20, 64
_BOXES = (
    b"ftyp moov mdat free skip wide moof mfra sidx uuid meta styp pnot udta ssix emsg prft".split()
)


def check_bytes(source: Opened) -> None:
    """Nothing, where no byte is missing.

    What a header counts, frames or seconds, proves nothing: an edit list hides frames, and a sound
    may be longer than the picture.

    Raises:
        Unfit: it is cut short.
    """
    check_riff(source)
    if source.format in ("mp4", "m4a"):
        _check_boxes(source)
    if source.format == "flv":
        _check_tags(source)
    if source.format == "mkv":
        _check_elements(source)
    source.file.seek(0)


def _check_boxes(source: Opened) -> None:
    """An mp4 is a row of boxes, each of which says how long it is."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > source.size:
            return  # a few bytes at the end hold no box
        source.file.seek(at)
        head = source.file.read(16)
        length, name = int.from_bytes(head[:4]), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16])
        if length == 0 or name not in _BOXES:
            return  # the last box goes on to the end, or what follows is no part of the video
        if at + length > source.size:
            raise Unfit("truncated", f"has {source.size} bytes, its headers announce {at + length}")
        at += max(length, 8)


def _check_tags(source: Opened) -> None:
    """An flv ends with the length of its last tag, which says the same at its own start."""
    source.file.seek(max(source.size - 4, 0))
    length = int.from_bytes(source.file.read(4))
    source.file.seek(max(source.size - 4 - length, 0))
    tag = source.file.read(4)
    if tag[:1] not in (b"\x08", b"\x09", b"\x12") or int.from_bytes(tag[1:]) + 11 != length:
        raise Unfit("truncated", "does not end with a whole tag")


def _check_elements(source: Opened) -> None:
    """A matroska is a head and a segment, each with its length, which a recorder may not know."""
    at = 0
    for _ in range(_MOST_ELEMENTS):
        source.file.seek(at)
        head = source.file.read(16)
        _, start = _number(head, 0)
        length, body = _number(head, start)
        if not start or not body or length + 1 == 1 << 7 * (body - start):
            return  # no element, or one of unknown length
        at += body + length
        if at > source.size:
            raise Unfit("truncated", f"has {source.size} bytes, its headers announce {at}")


def _number(head: bytes, at: int) -> tuple[int, int]:
    """A number whose leading zeros say how many bytes it has, without that mark, and where it ends;
    (0, 0) where there is none."""
    if at >= len(head) or not head[at]:
        return 0, 0
    width = 9 - head[at].bit_length()
    found = int.from_bytes(head[at : at + width])
    return found & ((1 << 7 * width) - 1), at + width


def check_places(source: Opened, places: Iterable[tuple[int, int]]) -> None:
    """Nothing, where all (start, length) of an index lie within the file.

    Raises:
        Unfit: it is cut short.
    """
    end = max((start + length for start, length in places), default=0)
    if end > source.size:
        raise Unfit("truncated", f"has {source.size} bytes, its index goes to {end}")
