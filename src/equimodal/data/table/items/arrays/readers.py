"""Readers of other packages: entry points of the group ``equimodal.kinds``.

Each leads to a function from the path of a file to an array of numbers. It runs in the processes
that read files, of bounded memory and time, and only for columns whose declaration names it.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equimodal.data.table.reading.findings import Unfit
from equimodal.errors import DataError, did_you_mean, quoted

GROUP = "equimodal.kinds"
FOREIGN = "of a reader"
"""The format of a file whose content is a reader's alone."""


def known_reader(place: str, value: object) -> str:
    """The name of an installed reader.

    Raises:
        DataError: no installed package has it, or two have.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == value]
    if len(found) == 1:
        return str(value)
    if found:
        packages = " and ".join(sorted(map(package_of, found)))
        raise DataError(f"{place} '{value}' is in {packages}; uninstall one of them.")
    names = sorted(point.name for point in entry_points(group=GROUP))
    raise DataError(
        f"{place} must be an entry point of the group {GROUP} of an installed package "
        f"({', '.join(names) or 'there is none'}); found {quoted(value)}."
        f"{did_you_mean(str(value), names)}"
    )


@cache
def reader_named(name: str) -> Any:
    """The function of an installed reader.

    Raises:
        DataError: it is not installed, cannot be loaded, or is no function.
    """
    (point,) = entry_points(group=GROUP, name=known_reader("reader", name))
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"
        raise DataError(
            f"The reader '{name}' of {package_of(point)} cannot be loaded ({said}); mend or "
            "reinstall it."
        ) from error
    if not callable(found):
        raise DataError(
            f"The reader '{name}' of {package_of(point)} must be a function from a path to an "
            f"array; found {quoted(found)}."
        )
    return found


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that has an entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def version_of(name: str) -> str:
    """Name and version of the package of an installed reader."""
    (point,) = entry_points(group=GROUP, name=known_reader("reader", name))
    return package_of(point)


def array_of(name: str, path: str, most: int) -> NDArray[Any]:
    """What a reader makes of a file.

    Raises:
        Unfit: it is no array of numbers, or has more than ``most`` bytes.
    """
    found = reader_named(name)(path)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
        said = f"became {quoted(found)} by the reader '{name}', expected an array of numbers"
        raise Unfit("unreadable", said)
    if found.nbytes > most:
        raise Unfit("large", f"became the shape {found.shape}, more than {most:,} bytes")
    return found
