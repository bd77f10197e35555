"""Files inside a Parquet, an Arrow stream or a tar, by a path into it: ``my.tar/0017.png``."""

from __future__ import annotations

import os
from io import BytesIO
from typing import BinaryIO

from equimodal.data.table.forms import parquet, shards, streams

_FORMS = {form.SUFFIX: form for form in (parquet, streams, shards)}


def place_inside(path: str) -> tuple[str, str] | None:
    """The file that a path leads into, and the rest of the path; None of another path."""
    for suffix in _FORMS:
        at = path.lower().find(f"{suffix}/")
        while at >= 0:
            outer, rest = path[: at + len(suffix)], path[at + len(suffix) + 1 :]
            if os.path.isfile(outer):
                return outer, rest
            at = path.lower().find(f"{suffix}/", at + 1)
    return None


def open_file(path: str) -> BinaryIO:
    """A file that is open, also one inside another.

    Raises:
        Unfit: there is none inside.
    """
    found = place_inside(path)
    if found is None:
        return open(path, "rb")
    outer, rest = found
    form = _FORMS[os.path.splitext(outer)[1].lower()]
    return BytesIO(form.content_of(outer, rest))
