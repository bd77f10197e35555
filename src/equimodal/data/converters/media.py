"""Sound and pictures out of video files, and pictures into them, through PyAV.

The demuxer is named by the file's ending, so that no file can make FFmpeg open another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equimodal.errors import BalanceError

if TYPE_CHECKING:
    from av.container import InputContainer

Picture = NDArray[np.uint8]
Span = tuple[int, int | None]
"""First frame that counts, and the first that does not, or None where all that follow do."""
_FORMATS = {".mp4": "mp4", ".avi": "avi", ".flv": "flv"}


def extract_sound(video: Path, target: Path) -> None:
    """Write the first sound track of a video as a mono wav of 16-bit samples at its own rate.

    Raises:
        BalanceError: the video has no sound.
    """
    import av
    import soundfile

    with _opened(video) as container:
        if not container.streams.audio:
            raise BalanceError("it has no sound track")
        stream = container.streams.audio[0]
        mono = av.AudioResampler(format="s16", layout="mono", rate=stream.rate)
        with soundfile.SoundFile(target, "w", stream.rate, 1, "PCM_16") as sound:
            for frame in [*container.decode(stream), None]:
                for part in mono.resample(frame):
                    sound.write(part.to_ndarray()[0])
            if not sound.frames:
                raise BalanceError("its sound track is empty")


def pictures(video: Path, span: Span = (0, None)) -> Iterator[Picture]:
    """The frames of a span, each (H, W, 3).

    Raises:
        BalanceError: there are none, or fewer than the span has.
    """
    (start, end), count = span, 0
    with _opened(video) as container:
        if not container.streams.video:
            raise BalanceError("it has no pictures")
        for frame in islice(container.decode(container.streams.video[0]), start, end):
            count += 1
            yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    if not count or (end is not None and count < end - start):
        raise BalanceError(f"it ends after {start + count} frames")


def write_video(target: Path, frames: Iterable[Picture], *, crf: int, colour: str) -> None:
    """Write frames (H, W, 3) as an H.264 video.

    Args:
        target: path of an mp4.
        frames: the pictures.
        crf: constant quality of x264, from 0 (without loss) to 51.
        colour: "rgb", which keeps the three channels apart, or "yuv", smaller files.
    """
    import av

    codec, layout = {"rgb": ("libx264rgb", "rgb24"), "yuv": ("libx264", "yuv420p")}[colour]
    with av.open(str(target), "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(25))
        stream.pix_fmt = layout
        stream.options = {"crf": str(crf), "preset": "fast"}
        stream.thread_count = 1
        for number, picture in enumerate(frames):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def cut_clip(video: Path, span: Span, crf: int, target: Path) -> None:
    """Write the frames of a span as a video of their own; an odd row or column is cut off.

    Raises:
        BalanceError: the video ends before.
    """
    even = (p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in pictures(video, span))
    write_video(target, even, crf=crf, colour="yuv")


@contextmanager
def _opened(video: Path) -> Iterator[InputContainer]:
    import av

    with av.open(str(video), format=_FORMATS[video.suffix.lower()]) as container:
        for stream in container.streams:
            if hasattr(stream, "thread_count"):
                stream.thread_count = 1
        yield container
