"""Which frames of a video are kept: evenly over the time that they are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.items.decode import Array

_KEPT = 256
_UNEVEN = 0.1
"""Share of a frame's time by which frames of a constant rate may be off, where it is stored in
coarse units more."""
Pixels = Callable[[], Array]


@dataclass
class Shown:
    """When the frames of a video are shown, in seconds, and what its header announces."""

    announced: int
    seconds: float
    times: list[float] = field(default_factory=list)
    last: float = 0.0
    _end: float = 0.0
    _unit: float = 0.0

    def add(self, packet: Any, *, picture: bool) -> None:
        """Take note of a packet; of a ``picture`` also when its frame is shown."""
        base = float(packet.time_base)
        start = (packet.dts if packet.pts is None else packet.pts) * base
        end = start + (packet.duration or 0) * base
        self.last = max(self.last, end)
        if picture:
            self.times.append(start)
            self._end, self._unit = max(self._end, end), base

    @property
    def regular(self) -> bool:
        """Whether all frames last equally long, so that numbers stand for times."""
        times = np.sort(np.array(self.times))
        if len(times) < 3:
            return True
        step = (times[-1] - times[0]) / (len(times) - 1)
        off = np.abs(times - times[0] - step * np.arange(len(times))).max()
        return bool(off <= max(1.01 * self._unit, _UNEVEN * step))

    def moments(self, count: int) -> NDArray[np.float64]:
        """The middles of ``count`` equal shares of the time: (count,)"""
        times = np.sort(np.array(self.times))
        usual = float(np.median(np.diff(times)))
        end = max(self._end, times[-1] + (0.0 if self._end > times[-1] else usual))
        found: NDArray[np.float64] = times[0] + (np.arange(count) + 0.5) / count * (end - times[0])
        return found

    def missing(self, seen: int) -> list[tuple[str, str]]:
        """The finding of a video that ends before its header says, in picture and sound, or of
        whose packets many gave no picture."""
        # A decoder may hold back a frame, and some packets repeat the one before.
        if seen < len(self.times) - max(2, len(self.times) // 50):
            return [("damaged", f"has {len(self.times)} frames, of which {seen} can be decoded")]
        rest = self.seconds - self.last
        if self.times and seen < self.announced and rest > max(1.0, 0.02 * self.seconds):
            return [("damaged", f"ends after {self.last:.1f} of {self.seconds:.1f} s")]
        return []


class Thinned:
    """Of frames that last equally, those at an even distance, which doubles when there are too
    many: bounded memory."""

    def __init__(self, count: int) -> None:
        self.seen, self._count, self._distance = 0, count, 1
        self._kept: list[Array] = []

    def take(self, pixels: Pixels, time: float | None) -> None:
        """Count a frame; call ``pixels`` for it where it is to be kept."""
        if self.seen % self._distance == 0:
            if len(self._kept) == _KEPT:
                self._kept, self._distance = self._kept[::2], 2 * self._distance
            if self.seen % self._distance == 0:
                self._kept.append(pixels())
        self.seen += 1

    def chosen(self) -> Array:
        """Some of the kept frames, each from the middle of its share. -> (count, 3, H, W)"""
        count = self._count
        places = ((np.arange(count) + 0.5) * len(self._kept) / count).astype(int)
        return np.stack([self._kept[place] for place in places])


class AtMoments:
    """Of frames that last unequally, those that are shown at the moments, which rise."""

    def __init__(self, moments: Sequence[float] | NDArray[np.float64]) -> None:
        self.seen, self._moments = 0, moments
        self._kept: list[Array] = []
        self._last: Pixels | None = None

    def take(self, pixels: Pixels, time: float | None) -> None:
        """Take the frame that follows; the one before it was shown until now."""
        if self._last is not None and time is not None:
            self._fill(self._last, time)
        self._last = pixels
        self.seen += 1

    def _fill(self, pixels: Pixels, until: float) -> None:
        due = sum(moment < until for moment in self._moments) - len(self._kept)
        if due > 0:
            self._kept += [pixels()] * due

    def chosen(self) -> Array:
        """A frame for each moment. -> (count, 3, H, W)"""
        if self._last is not None:
            self._fill(self._last, np.inf)
        return np.stack(self._kept)
