"""From the text of a cell to a file under the data root, and never to one outside."""

from __future__ import annotations

import os
import stat
from functools import lru_cache

from equimodal.data.table.reading.findings import Unfit

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds: a file with both is not read again."""


def located(cell: str, root: str) -> tuple[str, Stamp]:
    """The file that a cell names, and its stamp.

    Args:
        cell: a path, relative to the root or absolute.
        root: the data root, as `os.path.realpath` gives it.

    Raises:
        Unfit: it lies outside the root, also by a link, is missing, or is no regular file.
    """
    try:
        path = os.path.normpath(os.path.join(root, cell))
        folder, name = os.path.split(path)
        real = os.path.join(_real(folder), name)
        found = os.lstat(real)
        if stat.S_ISLNK(found.st_mode):
            real = os.path.realpath(real)
            found = os.stat(real)
    except (FileNotFoundError, NotADirectoryError):
        _check_inside(path, root, cell)
        raise Unfit("missing", f"there is no file '{cell}'{_hint(cell)}") from None
    except (OSError, ValueError) as error:
        raise Unfit("missing", f"'{cell[:80]}' names no file ({error})") from None
    _check_inside(real, root, cell)
    if not stat.S_ISREG(found.st_mode):
        raise Unfit("missing", f"'{cell}' is no file")
    return real, (found.st_size, found.st_mtime_ns)


def _check_inside(path: str, root: str, cell: str) -> None:
    if os.path.commonpath([path, root]) != root:
        raise Unfit("outside", f"'{cell}' leads out of the data root")


def _hint(cell: str) -> str:
    return "; write / where it has a backslash" if "\\" in cell else ""


@lru_cache(maxsize=4096)
def _real(folder: str) -> str:
    return os.path.realpath(folder)
