"""Optical flow as a video: horizontal motion in the red channel, vertical in the green one.

As in two-stream networks (Simonyan and Zisserman, NeurIPS 2014, https://arxiv.org/abs/1406.2199),
flow is TV-L1, cut off at 20 pixels a frame and stored in bytes: 128 is no motion. The blue channel
is 128 everywhere.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equimodal.data.converters.media import Picture, Span, pictures, write_video
from equimodal.errors import BalanceError

BOUND = 20.0
CRF = 10
_GREY = np.array([0.299, 0.587, 0.114], np.float32) / 255
Grey = NDArray[np.float32]


def write_flow(video: Path, span: Span, frames: int, size: int, target: Path) -> None:
    """Compute the flow of a video and write it as one.

    Args:
        video: the file.
        span: its frames that count.
        frames: how many flow pictures, at equal distances, each between two neighbouring frames; 0
            for all.
        size: shorter side in pixels to which frames are reduced before; 0 leaves them as they are.
        target: path of an mp4.

    Raises:
        BalanceError: the video has fewer than two frames.
    """
    grey = [_reduced((p @ _GREY).astype(np.float32), size) for p in pictures(video, span)]
    if len(grey) < 2:
        raise BalanceError("it has one frame, flow needs two")
    places = evenly(len(grey) - 1, frames)
    flows = (_bytes(*_flow(grey[i], grey[i + 1])) for i in places)
    write_video(target, flows, crf=CRF, colour="rgb")


def pack_flow(horizontal: Path, vertical: Path, frames: int, target: Path) -> None:
    """Write flow that lies as one grey picture a frame in two folders as a video.

    Raises:
        BalanceError: the folders are empty or differ in the number of their pictures.
    """
    names = [sorted(p for p in folder.glob("*.jpg")) for folder in (horizontal, vertical)]
    if not names[0] or len(names[0]) != len(names[1]):
        raise BalanceError(f"it has {len(names[0])} pictures of u and {len(names[1])} of v")
    pairs = [(names[0][i], names[1][i]) for i in evenly(len(names[0]), frames)]
    write_video(target, _packed(pairs), crf=CRF, colour="rgb")


def evenly(count: int, wanted: int) -> list[int]:
    """``wanted`` of the numbers below ``count``, from the middle of equal shares; 0 for all."""
    if not wanted or wanted >= count:
        return list(range(count))
    return [int((i + 0.5) * count / wanted) for i in range(wanted)]


def _flow(before: Grey, after: Grey) -> tuple[Grey, Grey]:
    """Motion to the right and down, in pixels: (H, W), (H, W) -> (H, W), (H, W)."""
    from skimage.registration import optical_flow_tvl1

    down, right = optical_flow_tvl1(before, after, dtype=np.float32)
    return right, down


def _bytes(right: Grey, down: Grey) -> Picture:
    """Flow as a picture: (H, W), (H, W) -> (H, W, 3)."""
    both = np.stack([right, down, np.zeros_like(right)], axis=2)
    scaled = np.clip(both * (127 / BOUND) + 128, 1, 255)
    return scaled.round().astype(np.uint8)


def _packed(pairs: Sequence[tuple[Path, Path]]) -> Iterator[Picture]:
    from PIL import Image

    for paths in pairs:
        right, down = (np.asarray(Image.open(path).convert("L")) for path in paths)
        yield np.stack([right, down, np.full_like(right, 128)], axis=2)


def _reduced(picture: Grey, size: int) -> Grey:
    """The picture with ``size`` pixels on its shorter side: (H, W) -> (H', W')."""
    side = min(picture.shape)
    if not size or size >= side:
        return picture
    from skimage.transform import resize

    shape = [round(length * size / side) for length in picture.shape]
    reduced: Grey = resize(picture, shape, anti_aliasing=True).astype(np.float32)
    return reduced
