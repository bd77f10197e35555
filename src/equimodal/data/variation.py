"""Random variation of training pictures: crops and flips, drawn from (seed, epoch, row) alone.

A row looks the same whenever and wherever it is read in an epoch, so a run that was stopped goes on
to the same bits, and every method of a comparison sees the same pictures. All modalities of a
sample use the same draws: where two of them show the same scene, they stay aligned. Every frame of
a video is varied alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from equimodal.numerics.random import variation_seed

AREA = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
TRIES = 10
_DRAWS = 4 * (TRIES + 1)
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
Doubles = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Variation:
    """How the rows of pictures of one modality are varied.

    ``names`` are some of `manifest.settings.AUGMENTATIONS`. ``crop`` is the (height, width) that is
    cut out, at a random place by the name "crop", else from the middle. ``moment`` is the (seed,
    epoch) of what is drawn; without it nothing is, which is how validation and test data are read.
    """

    names: tuple[str, ...] = ()
    crop: tuple[int, int] | None = None
    moment: tuple[int, int] | None = None

    def at(self, seed: int, epoch: int) -> Variation:
        """The same in an epoch of training; nothing changes where nothing is varied."""
        return replace(self, moment=(seed, epoch)) if self.names else self

    def shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape (..., H, W) of a row as it is read."""
        return (*shape[:-2], *self.crop) if self.crop else tuple(shape)

    def __call__(self, pictures: Tensor, rows: Places) -> Tensor:
        """Pictures with values 0 to 255 and their row numbers: (n, ..., C, H, W), (n,) -> the same
        or cut out."""
        if self.moment is None:
            return centred(pictures, self.crop) if self.crop else pictures
        return varied(pictures, uniform(*self.moment, rows), self.names, self.crop)


def uniform(seed: int, epoch: int, rows: Places) -> Doubles:
    """Numbers from 0 to below 1 that depend on (seed, epoch, row) alone: (n,) -> (n, 44)

    SplitMix64 (Steele, Lea and Flood, https://doi.org/10.1145/2660193.2660195) as a function of its
    place in the sequence.
    """
    columns = np.arange(1, _DRAWS + 1, dtype=np.uint64)
    places = rows.astype(np.uint64)[:, None] * np.uint64(_DRAWS) + columns
    with np.errstate(over="ignore"):
        z = np.uint64(variation_seed(seed, epoch)) + places * np.uint64(_GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
    found: Doubles = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


def varied(
    pictures: Tensor, draws: Doubles, names: Sequence[str], crop: tuple[int, int] | None
) -> Tensor:
    """Pictures after all that ``names`` say: (n, ..., C, H, W), (n, 44) -> (n, ..., C, h, w)"""
    height, width = pictures.shape[-2:]
    size = crop or (height, width)
    if "resized_crop" in names:
        boxes = resized_crop_boxes(draws[:, 4:].reshape(-1, TRIES, 4), height, width)
        pictures = resampled(pictures, boxes, size)
    elif "crop" in names:
        pictures = cut(pictures, crop_corners(draws[:, 1:3], (height, width), size), size)
    elif crop:
        pictures = centred(pictures, crop)
    turned = torch.from_numpy(draws[:, 0] < 0.5).to(pictures.device)
    if "flow_flip" in names:
        return torch.where(_wide(turned, pictures), flow_flipped(pictures), pictures)
    if "flip" in names:
        return torch.where(_wide(turned, pictures), pictures.flip(-1), pictures)
    return pictures


def flow_flipped(pictures: Tensor) -> Tensor:
    """Optical flow in bytes, mirrored: motion to the right becomes motion to the left.

    The first channel is horizontal motion around 128. (n, ..., C, H, W) -> the same
    """
    mirrored = pictures.flip(-1)
    return torch.cat([256 - mirrored[..., :1, :, :], mirrored[..., 1:, :, :]], dim=-3)


def centred(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of pictures: (n, ..., H, W) -> (n, ..., h, w)"""
    top, left = ((own - wanted) // 2 for own, wanted in zip(pictures.shape[-2:], size, strict=True))
    return pictures[..., top : top + size[0], left : left + size[1]].contiguous()


def crop_corners(draws: Doubles, whole: tuple[int, int], size: tuple[int, int]) -> Places:
    """Top left corners, each place as likely as any other: (n, 2) -> (n, 2)"""
    room = np.array(whole) - np.array(size) + 1
    corners: Places = (draws * room).astype(np.int64)
    return corners


def cut(pictures: Tensor, corners: Places, size: tuple[int, int]) -> Tensor:
    """A part of each picture, at its own place: (n, ..., H, W), (n, 2) -> (n, ..., h, w)"""
    flat = pictures.reshape(len(pictures), -1, *pictures.shape[-2:])
    top, left = torch.from_numpy(corners).to(pictures.device).unbind(1)
    device = pictures.device
    down = top[:, None, None, None] + torch.arange(size[0], device=device)[:, None]
    right = left[:, None, None, None] + torch.arange(size[1], device=device)
    sample = torch.arange(len(flat), device=device)[:, None, None, None]
    layer = torch.arange(flat.shape[1], device=device)[:, None, None]
    return flat[sample, layer, down, right].reshape(*pictures.shape[:-2], *size)


def resized_crop_boxes(draws: Doubles, height: int, width: int) -> Places:
    """Boxes (top, left, height, width) of a random share of the area and a random aspect ratio.

    The share is uniform in `AREA`, the ratio log-uniform in `RATIO`. The first of `TRIES` boxes
    that lies inside is taken, else the largest in the middle whose ratio is allowed.
    (n, TRIES, 4) -> (n, 4)
    """
    area = height * width * (AREA[0] + (AREA[1] - AREA[0]) * draws[..., 0])
    low, high = map(math.log, RATIO)
    ratio = np.exp(low + (high - low) * draws[..., 1])
    sides = np.stack([np.sqrt(area / ratio), np.sqrt(area * ratio)], axis=-1).round()
    room = np.array([height, width]) - sides
    fits = ((room >= 0) & (sides > 0)).all(-1)
    corners = np.floor(draws[..., 2:] * (room + 1))
    found = np.concatenate([corners, sides], axis=-1)
    first = found[np.arange(len(found)), fits.argmax(1)]
    boxes: Places = np.where(fits.any(1)[:, None], first, _middle(height, width)).astype(np.int64)
    return boxes


def resampled(pictures: Tensor, boxes: Places, size: tuple[int, int]) -> Tensor:
    """A box of each picture, scaled to ``size`` by linear interpolation between pixels.

    (n, ..., H, W), (n, 4) -> (n, ..., h, w)
    """
    flat = pictures.reshape(len(pictures), -1, *pictures.shape[-2:])
    box = torch.from_numpy(boxes).to(flat)
    axes = []
    for axis, (own, wanted) in enumerate(zip(pictures.shape[-2:], size, strict=True)):
        steps = (torch.arange(wanted, device=flat.device) + 0.5) / wanted
        place = box[:, axis, None] + steps * box[:, axis + 2, None]
        axes.append(2 * place / own - 1)
    down, right = axes
    grid = torch.stack(
        [
            right[:, None, :].expand(-1, size[0], -1),
            down[:, :, None].expand(-1, -1, size[1]),
        ],
        dim=-1,
    )
    scaled = grid_sample(flat, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return scaled.reshape(*pictures.shape[:-2], *size)


def _middle(height: int, width: int) -> Places:
    """The largest box in the middle whose ratio is in `RATIO`."""
    high = min(height, round(width / RATIO[0]))
    wide = min(width, round(height * RATIO[1]))
    return np.array([(height - high) // 2, (width - wide) // 2, high, wide])


def _wide(flags: Tensor, pictures: Tensor) -> Tensor:
    return flags.reshape(-1, *[1] * (pictures.ndim - 1))
