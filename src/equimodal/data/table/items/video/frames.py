"""Pictures one after the other as a video: -> (frames, 3, height, width) of bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from equimodal.data.table.items import images
from equimodal.data.table.items.decode import DIGEST, Array, Item, digest_of, opened
from equimodal.data.table.reading.extras import extra
from equimodal.data.table.reading.findings import Unfit


def digest(paths: Sequence[str]) -> bytes:
    """The digest of all pictures in their order."""
    found = hashlib.blake2b(b"frames", digest_size=DIGEST)
    for path in paths:
        with open(path, "rb") as file:
            found.update(digest_of(file))
    return found.digest()


def decode(paths: Sequence[str], settings: Mapping[str, Any]) -> Item:
    """``frames`` of the pictures at equal distances, each scaled to ``size`` as those of a video
    file are; of few some are repeated.

    Raises:
        Unfit: one is damaged, or no picture, or they differ in their size.
    """
    count = settings["frames"]
    places = ((np.arange(count) + 0.5) * len(paths) / count).astype(int).tolist()
    made: dict[int, Array] = {}
    sizes: dict[tuple[int, int], str] = {}
    for place, path in enumerate(paths):  # all, as a damaged one is to be named
        picture, size = _picture(path, settings["size"])
        sizes.setdefault(size, os.path.basename(path))
        if place in places:
            made[place] = picture
    if len(sizes) > 1:
        told = [f"'{name}' is {h}x{w}" for (h, w), name in sizes.items()][:2]
        raise Unfit("shape", f"has frames of several sizes: {' and '.join(told)}")
    chosen = np.stack([made[place] for place in places])
    same = int(chosen.min()) == int(chosen.max())
    warnings = [("blank", "is of one colour")] if same else []
    return Item(chosen, (len(paths), 3, *next(iter(sizes))), None, warnings)


def _picture(path: str, size: Sequence[int]) -> tuple[Array, tuple[int, int]]:
    """A picture at a size, and the size that it has. -> (3, H, W)"""
    try:
        with open(path, "rb") as file:
            source, _ = opened(file, path, os.path.getsize(path))
            height, width = images.facts(source)["size"]
            file.seek(0)
            own = images.decode(source, {"channels": 3, "size": [height, width]}).array
    except Unfit as error:
        raise Unfit(error.code, f"'{os.path.basename(path)}' {error}") from error
    if list(size) != [height, width]:
        picture = extra("PIL.Image", "images").fromarray(own.transpose(1, 2, 0))
        own = np.asarray(picture.resize(tuple(size[::-1]))).transpose(2, 0, 1)
    return own, (height, width)
