"""The sound of an m4a through PyAV, as soundfile gives that of other files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from equimodal.data.arrays import Floats
from equimodal.data.table.items.decode import Opened
from equimodal.data.table.items.video.containers import check_bytes
from equimodal.data.table.reading.findings import Unfit

_PADDED = 8192
"""Samples that a header may announce beyond those of the sound: an encoder's first and last."""


class Track:
    """The first sound of a container that is open.

    Args:
        source: the file.

    Raises:
        Unfit: PyAV is missing, bytes are missing, or there is no sound.
    """

    def __init__(self, source: Opened) -> None:
        try:
            import av
        except ImportError:
            raise Unfit(
                "unreadable", "needs the package av; write pip install 'equimodal[data]'"
            ) from None
        self._av: Any = av
        check_bytes(source)
        try:
            # The demuxer is named, so that no file can make FFmpeg open another one.
            self._container: Any = av.open(source.file, format="mov")
        except Exception as error:  # FFmpeg and PyAV raise many kinds, all of them mean damage
            raise Unfit("truncated", f"is damaged or cut short ({error})") from error
        if not self._container.streams.audio:
            self._container.close()
            raise Unfit("empty", "holds no sound")
        stream: Any = self._container.streams.audio[0]
        stream.thread_count = 1
        self.samplerate, self.channels = int(stream.rate or 0), int(stream.channels or 0)
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
        self.frames = round(seconds * self.samplerate)
        self._blocks = self._decoded(stream)
        self._rest: Floats = np.zeros((0, self.channels), np.float32)
        self._given = 0

    def __enter__(self) -> Track:
        return self

    def __exit__(self, *error: object) -> None:
        self._container.close()

    def read(self, size: int, **how: object) -> Floats:
        """The next samples, at most ``size``; none at the end. -> (n, channels)

        Raises:
            Unfit: it cannot be decoded, or ends before its header says.
        """
        parts, held = [self._rest], len(self._rest)
        while held < size and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            held += len(block)
        found = np.concatenate(parts)
        self._rest = found[size:]
        self._given += len(found[:size])
        if not len(found) and self._given + _PADDED < self.frames:
            raise Unfit(
                "truncated", f"has {self._given} samples, its header announces {self.frames}"
            )
        return found[:size]

    def _decoded(self, stream: Any) -> Iterator[Floats]:
        """All samples as numbers from -1 to 1, each block (n, channels)."""
        plain = self._av.AudioResampler(format="fltp")
        try:
            for frame in self._container.decode(stream):
                for made in plain.resample(frame):
                    block = made.to_ndarray().T
                    if (frame.sample_rate, block.shape[1]) != (self.samplerate, self.channels):
                        raise Unfit(
                            "unreadable",
                            f"announces {self.samplerate} samples a second of {self.channels} "
                            f"channels and holds {frame.sample_rate} of {block.shape[1]}",
                        )
                    yield block
        except self._av.FFmpegError as error:
            raise Unfit("truncated", f"is damaged or cut short ({error})") from error
