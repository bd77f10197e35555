"""From the text of a cell to a file under the data root, and never to one outside."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Sequence
from functools import lru_cache

from equimodal.data.table.forms.inside import place_inside
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.formats import FAMILY, extension

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds: a file with both is not read again."""


MOST_FRAMES = 10_000
_OF_SYSTEMS = ("Thumbs.db", "desktop.ini")


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


def placed(cell: str, root: str, kind: str, separator: str = "") -> tuple[str, Stamp]:
    """The file that a cell names, also one inside a Parquet or a tar, or the pictures of a video
    as a JSON list; and the stamp of all.

    Args:
        cell: as of `located`; of a video also a folder of pictures, a JSON list of them, or several
            with ``separator`` between.
        root: as of `located`.
        kind: of the column.
        separator: "" for none.

    Raises:
        Unfit: as of `located`, or a folder or list that is no row of pictures.
    """
    if inside := place_inside(os.path.join(root, cell)):
        real, stamp = located(os.path.relpath(inside[0], root), root)
        return real + os.path.join(root, cell)[len(inside[0]) :], stamp
    if kind == "video":
        if (names := _listed(cell, separator)) is not None:
            return _together(names, root)
        if os.path.isdir(os.path.join(root, cell)):
            return _together(_in_order(cell, root), root)
    return located(cell, root)


def _listed(cell: str, separator: str) -> list[str] | None:
    """The pictures that a cell names one by one; None where it names another thing."""
    if cell.startswith("["):
        try:
            found = json.loads(cell)
        except ValueError:
            return None
        if isinstance(found, list) and all(isinstance(name, str) for name in found):
            return found
    if separator and separator in cell:
        return [name.strip() for name in cell.split(separator)]
    return None


def _in_order(cell: str, root: str) -> list[str]:
    """The pictures in a folder by their names, numbers in them by their value."""
    folder = os.path.realpath(os.path.join(root, cell))
    _check_inside(folder, root, cell)
    names = [n for n in os.listdir(folder) if not n.startswith(".") and n not in _OF_SYSTEMS]
    places: dict[tuple[tuple[int, str], ...], str] = {}
    for name in sorted(names):
        stem = os.path.splitext(name)[0].casefold()
        parts = re.findall(r"(\d+)|(\D+)", stem)
        place = tuple((int(number or -1), text) for number, text in parts)
        if (other := places.setdefault(place, name)) != name:
            said = f"'{cell}' holds '{other}' and '{name}', of which neither comes first"
            raise Unfit("unreadable", said)
    return [os.path.join(cell, places[place]) for place in sorted(places)]


def _together(names: Sequence[str], root: str) -> tuple[str, Stamp]:
    """Pictures as one entry."""
    if not 0 < len(names) <= MOST_FRAMES:
        code = "large" if names else "empty"
        raise Unfit(code, f"holds {len(names)} pictures; 1 to {MOST_FRAMES:,} are frames")
    other = next((name for name in names if FAMILY.get(extension(name)) != "image"), None)
    if other is not None:
        raise Unfit("unreadable", f"names '{other[:80]}', which is no picture, among its frames")
    found = [located(name, root) for name in names]
    known = hashlib.blake2b(json.dumps(found).encode(), digest_size=7).digest()
    size = sum(stamp[0] for _, stamp in found)
    return json.dumps([path for path, _ in found]), (size, int.from_bytes(known))


def _check_inside(path: str, root: str, cell: str) -> None:
    if os.path.commonpath([path, root]) != root:
        raise Unfit("outside", f"'{cell}' leads out of the data root")


def _hint(cell: str) -> str:
    return "; write / where it has a backslash" if "\\" in cell else ""


@lru_cache(maxsize=4096)
def _real(folder: str) -> str:
    return os.path.realpath(folder)
