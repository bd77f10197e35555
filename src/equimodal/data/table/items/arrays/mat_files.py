"""Arrays in the mat files of MATLAB 5 to 7, through SciPy: numbers, and none that is too large."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.items.decode import Opened
from equimodal.data.table.reading.findings import Unfit

MAGIC = b"MATLAB 5.0 MAT-f"
_TYPES = {
    "double": "float64", "single": "float32", "logical": "bool",
    **{f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def mat_headers(source: Opened, most: int) -> dict[str, tuple[list[int], str]]:
    """Shape and type of each variable of numbers by its name; others are left out.

    Args:
        source: the file.
        most: bytes that one may have.

    Raises:
        Unfit: it is no such file, is damaged, holds no numbers, or too many.
    """
    from scipy.io import whosmat  # takes a second to load

    if source.file.read(len(MAGIC)) != MAGIC:
        raise Unfit("unreadable", "is no mat of MATLAB 5 to 7; save it with -v7, or as npy")
    source.file.seek(0)
    try:
        file: Any = source.file
        listed = whosmat(file)
    except Exception as error:  # SciPy raises whatever its reader meets
        raise Unfit("truncated", f"is damaged or cut short ({_first(error)})") from error
    found = {name: (list(shape), _TYPES[kind]) for name, shape, kind in listed if kind in _TYPES}
    if not found:
        held = ", ".join(f"{name} ({kind})" for name, _, kind in listed[:5])
        raise Unfit("unreadable", f"holds no array of numbers, but {held or 'nothing'}")
    for name, (shape, kind) in found.items():
        if math.prod(shape) * np.dtype(kind).itemsize > most:
            said = f"declares '{name}' of the shape {tuple(shape)}, more than {most:,} bytes"
            raise Unfit("large", said)
    return found


def mat_array(source: Opened, name: str) -> NDArray[Any]:
    """A variable that `mat_headers` names.

    Raises:
        Unfit: it is damaged, cut short, or complex.
    """
    from scipy.io import loadmat

    source.file.seek(0)
    try:
        file: Any = source.file
        found: Any = loadmat(file, variable_names=[name])[name]
    except Exception as error:
        raise Unfit("truncated", f"is damaged or cut short ({_first(error)})") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
        raise Unfit("unreadable", f"holds {getattr(found, 'dtype', type(found).__name__)} in "
                    f"'{name}', expected numbers")  # fmt: skip
    return found


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0][:80]
