"""mp4, avi and flv through PyAV: -> (frames, 3, height, width) of bytes, evenly over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from equimodal.data.table.items.decode import Array, Item, Opened, Reader, check_riff
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit

MOST_PIXELS = 4096 * 4096
_KEPT = 256
_FORMATS = {"mp4": "mov,mp4", "avi": "avi", "flv": "flv"}


def decode(source: Opened, settings: Mapping[str, Any]) -> Item:
    """``frames`` frames at equal distances, each scaled to ``size``; a short video repeats some.

    Raises:
        Unfit: it is damaged, cut short, too large, or holds no picture.
    """
    check_riff(source)
    _check_flv(source)
    height, width = settings["size"]
    av = extra("av", "videos")
    try:
        # The demuxer is named, so that no file can make FFmpeg open another one.
        with av.open(source.file, format=_FORMATS[source.format].split(",")[0]) as container:
            stream = _stream(container)
            own, announced = (3, stream.height, stream.width), _announced(container, stream)
            kept = Thinned()
            for frame in container.decode(stream):
                kept.take(lambda frame=frame: _pixels(frame, height, width))
            seconds = _seconds(container, stream)
    except Unfit:
        raise
    except Exception as error:  # FFmpeg and PyAV raise many kinds, all of them mean damage
        reason = getattr(error, "strerror", None) or error
        raise Unfit("truncated", f"is damaged or cut short ({reason})") from error
    _check_complete(kept.seen, announced)
    chosen = kept.evenly(settings["frames"])
    same = int(chosen.min()) == int(chosen.max())
    warnings = [("blank", "is of one colour")] if same else []
    return Item(chosen, (kept.seen, *own), seconds, warnings)


class Thinned:
    """Frames at an even distance that doubles when there are too many: bounded memory."""

    def __init__(self) -> None:
        self.seen, self._distance = 0, 1
        self._kept: list[Array] = []

    def take(self, pixels: Any) -> None:
        """Count a frame; call ``pixels`` for it where it is to be kept."""
        if self.seen % self._distance == 0:
            if len(self._kept) == _KEPT:
                self._kept, self._distance = self._kept[::2], 2 * self._distance
            if self.seen % self._distance == 0:
                self._kept.append(pixels())
        self.seen += 1

    def evenly(self, count: int) -> Array:
        """``count`` of the kept frames, each from the middle of its share. -> (count, 3, H, W)"""
        places = ((np.arange(count) + 0.5) * len(self._kept) / count).astype(int)
        return np.stack([self._kept[place] for place in places])


def _stream(container: Any) -> Any:
    if not container.streams.video:
        raise Unfit("empty", "holds no picture")
    stream = container.streams.video[0]
    stream.thread_count = 1
    if not stream.width or not stream.height:
        raise Unfit("truncated", "has no picture that can be read")
    if stream.width * stream.height > MOST_PIXELS:
        raise Unfit("large", f"has pictures of {stream.width}x{stream.height} pixels")
    return stream


def _announced(container: Any, stream: Any) -> int:
    """Frames that the header announces: counted, or by the duration; 0 where it says neither."""
    if stream.frames:
        return int(stream.frames)
    rate = float(stream.average_rate or 0)
    return int((container.duration or 0) / 1e6 * rate)


def _seconds(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _check_complete(seen: int, announced: int) -> None:
    if not seen and not announced:
        raise Unfit("empty", "holds no frame")
    # A decoder may hold back a frame, and a duration is rounded; a cut loses more.
    if seen < announced - max(2, announced // 50):
        raise Unfit("truncated", f"ends after {seen} of {announced} frames")


def _check_flv(source: Opened) -> None:
    """An flv ends with the length of its last tag, which says the same at its own start."""
    if source.format != "flv":
        return
    source.file.seek(max(source.size - 4, 0))
    length = int.from_bytes(source.file.read(4))
    source.file.seek(max(source.size - 4 - length, 0))
    tag = source.file.read(4)
    source.file.seek(0)
    if tag[:1] not in (b"\x08", b"\x09", b"\x12") or int.from_bytes(tag[1:]) + 11 != length:
        raise Unfit("truncated", "does not end with a whole tag")


def _pixels(frame: Any, height: int, width: int) -> Array:
    scaled = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    pixels: Array = np.ascontiguousarray(scaled.transpose(2, 0, 1))
    return pixels


# The settings of videos have defaults that do not depend on the files.
READERS = {"video": Reader(decode, lambda source: {})}
