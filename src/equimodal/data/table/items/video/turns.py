"""How a display matrix turns the pictures of a video."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from equimodal.data.table.items.decode import Array
from equimodal.data.table.reading.findings import Unfit

_SLACK = 0.02  # of a quarter turn's entries: matrices are rounded


class Turn(NamedTuple):
    """Exchange the axes, then mirror them: any quarter turn, with or without a mirror."""

    transposed: bool = False
    down: bool = False
    across: bool = False

    def applied(self, picture: Array) -> Array:
        """The picture as it is shown: (H, W, 3) -> (H, W, 3), or (W, H, 3)"""
        turned = picture.transpose(1, 0, 2) if self.transposed else picture
        return turned[:: -1 if self.down else 1, :: -1 if self.across else 1]


def turn_of(frame: Any) -> Turn:
    """What is to be done with the pixels of a frame.

    Raises:
        Unfit: it is turned by something else than quarters.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return Turn()
    a, b, _, c, d = (float(value) for value in np.frombuffer(bytes(matrix), "<i4", 5))
    # (x, y) goes to (a x + c y, b x + d y), both axes as a picture's: to the right and down.
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if straight and max(abs(b), abs(c)) <= _SLACK * straight:
        return Turn(False, d < 0, a < 0)
    if crossed and max(abs(a), abs(d)) <= _SLACK * crossed:
        return Turn(True, b < 0, c < 0)
    if not any((a, b, c, d)):
        return Turn()
    raise Unfit(
        "unreadable", "is turned by its header, but not by quarters; write it again upright"
    )
