"""Videos through PyAV: -> (frames, 3, height, width) of bytes, evenly over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from equimodal.data.table.items.decode import Array, Item, Opened, Reader
from equimodal.data.table.items.video.containers import check_bytes, check_places
from equimodal.data.table.items.video.moments import AtMoments, Shown, Thinned
from equimodal.data.table.items.video.turns import Turn, turn_of
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit

MOST_PIXELS = 4096 * 4096
_FORMATS = {"mp4": "mov", "avi": "avi", "flv": "flv", "mkv": "matroska"}


def decode(source: Opened, settings: Mapping[str, Any]) -> Item:
    """``frames`` frames at equal distances in time, upright, each scaled to ``size``; a short video
    repeats some.

    The frames are those that a player shows: an edit list hides some, a display matrix turns all.

    Raises:
        Unfit: bytes are missing, no frame can be decoded, or it is too large or holds no picture.
    """
    check_bytes(source)
    shown = _shown(source)
    count = settings["frames"]
    kept = Thinned(count) if shown.regular else AtMoments(shown.moments(count))
    pictures = _Pictures(settings["size"], kept)
    with _opened(source) as (container, stream):
        own = (stream.height, stream.width)
        seconds = _seconds(container, stream)
        pictures.take(container, stream)
    if not kept.seen:
        raise pictures.nothing(shown)
    chosen = kept.chosen()
    same = int(chosen.min()) == int(chosen.max())
    warnings = [("blank", "is of one colour")] if same else []
    warnings += pictures.damage() or shown.missing(kept.seen)
    turn = pictures.turn
    size = own[::-1] if turn.transposed else own
    revision = int(not shown.regular or turn != Turn())
    return Item(chosen, (kept.seen, 3, *size), seconds, warnings, revision)


def revision(source: Opened) -> int:
    """1 for a video that is turned or whose frames last unequally: read otherwise before."""
    if not _shown(source).regular:
        return 1
    with _opened(source) as (container, stream):
        return int(turn_of(next(container.decode(stream))) != Turn())


class _Pictures:
    """The frames of a stream as they are shown, given to what keeps some of them."""

    def __init__(self, size: tuple[int, int], kept: Thinned | AtMoments) -> None:
        self.size, self.kept = size, kept
        self.turn = Turn()
        self._packets, self._wrong, self._reason = 0, 0, ""

    def take(self, container: Any, stream: Any) -> None:
        """Decode all packets; one that cannot be decoded is counted, and the next one tried."""
        av = extra("av", "videos")
        for packet in container.demux(stream):
            self._packets += 1
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                self._wrong, self._reason = self._wrong + 1, _reason(error)
                continue
            for frame in frames:
                self._frame(frame)

    def _frame(self, frame: Any) -> None:
        if frame.width * frame.height > MOST_PIXELS:
            raise Unfit("large", f"has pictures of {frame.width}x{frame.height} pixels")
        if frame.is_corrupt:
            self._wrong, self._reason = self._wrong + 1, "a corrupt frame"
        turn = turn_of(frame)
        if not self.kept.seen:
            self.turn = turn
        self.kept.take(_pixels(frame, turn, *self.size), frame.time)

    def nothing(self, shown: Shown) -> Unfit:
        """Why no frame came."""
        if not self._wrong and not shown.announced:
            return Unfit("empty", "holds no frame")
        told = f" ({self._reason})" if self._reason else ""
        return Unfit("truncated", f"is damaged or cut short: no frame can be read{told}")

    def damage(self) -> list[tuple[str, str]]:
        """The finding of a video of which a part cannot be decoded."""
        if not self._wrong:
            return []
        said = f"{self._wrong} of {self._packets} packets cannot be decoded ({self._reason})"
        return [("damaged", said)]


@contextmanager
def _opened(source: Opened) -> Iterator[tuple[Any, Any]]:
    """The container and its picture stream; errors of PyAV are those of the file."""
    av = extra("av", "videos")
    source.file.seek(0)
    try:
        # The demuxer is named, so that no file can make FFmpeg open another one.
        with av.open(source.file, format=_FORMATS[source.format]) as container:
            yield container, _stream(container)
    except Unfit:
        raise
    except Exception as error:  # FFmpeg and PyAV raise many kinds, all of them mean damage
        raise Unfit("truncated", f"is damaged or cut short ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _shown(source: Opened) -> Shown:
    """When each frame is shown, from the packets, and what the header announces."""
    with _opened(source) as (container, stream):
        shown = Shown(int(stream.frames or 0), (container.duration or 0) / 1e6)
        for packet in container.demux():
            if packet.dts is None and packet.pts is None:
                continue  # the end of a stream
            if packet.is_corrupt and packet.stream is stream:
                raise Unfit("truncated", f"is cut short: a packet at {packet.pos} is not whole")
            picture = packet.stream is stream and packet.size > 0 and not packet.is_discard
            shown.add(packet, picture=picture)
        if source.format == "mp4":
            index = getattr(stream, "index_entries", ())  # of PyAV from 16 on
            check_places(source, ((entry.pos, entry.size) for entry in index))
    return shown


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


def _seconds(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _pixels(frame: Any, turn: Turn, height: int, width: int) -> Callable[[], Array]:
    """What scales a frame and turns it upright, when it is asked for: () -> (3, H, W)"""

    def pixels() -> Array:
        sides = (width, height) if not turn.transposed else (height, width)
        scaled = frame.reformat(width=sides[0], height=sides[1], format="rgb24").to_ndarray()
        upright: Array = np.ascontiguousarray(turn.applied(scaled).transpose(2, 0, 1))
        return upright

    return pixels


# The settings of videos have defaults that do not depend on the files.
READERS = {"video": Reader(decode, lambda source: {}, revision)}
