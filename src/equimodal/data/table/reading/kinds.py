"""The kind of a column, inferred from its cells and from the files that they name."""

from __future__ import annotations

import json
import mimetypes
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from equimodal.data.table.items.numbers import is_list_of_numbers
from equimodal.data.table.items.pool import answers
from equimodal.data.table.items.texts import WITHOUT_BLANKS
from equimodal.data.table.items.work import Task
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.formats import FAMILY, PICKLES, extension
from equimodal.data.table.reading.paths import placed
from equimodal.data.table.reading.settings import KINDS
from equimodal.errors import DataError

_SAMPLE = 200
_TRIES = 20
_WIDE = 4  # signs of a script without blanks between its words that a sentence has more of
_CHANNELS = (1, 3, 4)  # of a picture
_MEDIA = mimetypes.MimeTypes()  # without the tables of this machine
_BY_AXES = {1: "vector", 2: "sequence", 3: "spectrogram"}


def names_files(kind: str, cells: Sequence[str]) -> bool:
    """Whether the cells of a column of this kind are paths; a text may be either."""
    if kind == "text":
        filled = [cell for cell in cells if cell]
        return bool(filled) and all(extension(cell) == "txt" for cell in filled)
    return bool(KINDS[kind].extensions)


def infer(name: str, cells: Sequence[str], root: str) -> str | None:
    """The kind of a column, or None for one that is neither files nor text nor lists of numbers.

    Raises:
        DataError: it names pickles, or arrays none of which can be opened.
    """
    sample = [cell for cell in cells if cell][:_SAMPLE]
    if not sample:
        return None
    family, count = Counter(_family(cell) for cell in sample).most_common(1)[0]
    if family and 2 * count > len(sample):
        if family == "pickle":
            raise DataError(
                f"The column '{name}' names pickles ('{sample[0]}'), which are never read, as they "
                "can run code; save the arrays as npy or npz."
            )
        return _kind_of_arrays(name, sample, root) if family == "array" else family
    if all(map(is_list_of_numbers, sample)):
        return "numbers"
    if unread(sample, root):
        return None
    sentences = sum(len(cell.split()) > 1 or _is_wide(cell) for cell in sample)
    return "text" if 2 * sentences > len(sample) else None


def unread(cells: Sequence[str], root: str) -> str:
    """What is to be said of a column that names files of a format that is not read, or "".

    They are files where most cells name one that exists, or a picture, sound or video by its
    extension.
    """
    sample = [cell for cell in cells if cell][:_SAMPLE]
    named = [cell for cell in sample if _family(cell) or _is_media(cell) or _exists(cell, root)]
    rows = [cell for cell in sample if _names_frames(cell, root)]
    if 2 * len(rows) > len(sample):
        return (
            f"the cells name several pictures each ('{rows[0][:80]}'); declare kind: video to read "
            "them as its frames, or leave the column out"
        )
    if 2 * len(named) <= len(sample) or not sample:
        return ""
    found = ", ".join(f".{name}" if name else "none" for name in sorted(set(map(extension, named))))
    return (
        f"the cells name files that are not read (extensions: {found}; '{named[0][:80]}'); convert "
        f"them to one kind of {', '.join(dict.fromkeys(FAMILY))}, or leave the column out"
    )


def _names_frames(cell: str, root: str) -> bool:
    """Whether a cell is a list of pictures, or a folder that holds one."""
    try:
        names = json.loads(cell) if cell.startswith("[") else os.listdir(os.path.join(root, cell))
    except (OSError, ValueError):
        return False
    return isinstance(names, list) and any(_family(str(name)) == "image" for name in names[:_TRIES])


def _is_media(cell: str) -> bool:
    kind = _MEDIA.guess_type(cell)[0] or ""
    return kind.startswith(("image/", "audio/", "video/"))


def _exists(cell: str, root: str) -> bool:
    try:
        return os.path.isfile(os.path.join(root, cell))
    except ValueError:  # a NUL
        return False


def _is_wide(cell: str) -> bool:
    """Whether a cell is a sentence in a script without blanks between its words."""
    return sum(bool(WITHOUT_BLANKS.match(c)) for c in cell) > _WIDE


def _family(cell: str) -> str:
    """What the extension of a path says: image, sound, video, array, text, pickle or ""."""
    named = extension(cell)
    return "pickle" if named in PICKLES else FAMILY.get(named, "")


def _kind_of_arrays(name: str, cells: Sequence[str], root: str) -> str:
    """The kind by the number of axes of the first array that can be opened."""
    reason = ""
    for cell, shapes, pictured, wrong in _measured(cells[:_TRIES], root):
        if wrong:
            reason = f"'{cell}' {wrong}"
            continue
        if pictured:
            raise DataError(
                f"The arrays of the column '{name}' look like pictures ('{cell}' {pictured}), "
                "which are read from png and jpg files; save them so, or declare the kind of array "
                f"in the YAML beside the table: modalities: {{{name}: {{kind: spectrogram}}}}."
            )
        if len(shapes) == 1 and len(shape := next(iter(shapes.values()))) in _BY_AXES:
            # A table of one line or one column is a vector; a mat has two axes at least.
            flat = extension(cell) in ("csv", "mat") and 1 in shape
            return "vector" if flat else _BY_AXES[len(shape)]
        reason = f"'{cell}' holds {shapes}"
    raise DataError(
        f"The kind of the column '{name}' cannot be inferred ({reason}); declare it in the YAML "
        f"beside the table, as modalities: {{{name}: {{kind: vector}}}}."
    )


def _measured(
    cells: Sequence[str], root: str
) -> Iterator[tuple[str, dict[str, list[int]], str, str]]:
    """Of each cell the shapes of its arrays, what of them looks like a picture, or what is wrong.

    The files are not read in this process.
    """
    entries, wrong = [], {}
    for index, cell in enumerate(cells):
        try:
            entries.append((index, placed(cell, root, "")[0]))
        except (Unfit, OSError) as error:
            wrong[index] = str(error)
    found: dict[int, dict[str, Any]] = {}
    for outcomes, _ in answers(Task("measure", "spectrogram", True, {}), entries, jobs=1):
        for outcome in outcomes:
            if "problem" in outcome:
                wrong[outcome["i"]] = outcome["problem"][1]
            else:
                found[outcome["i"]] = outcome["facts"]
    for index, cell in enumerate(cells):
        facts = found.get(index, {"shapes": {}, "types": {}})
        yield cell, facts["shapes"], _pictured(facts), wrong.get(index, "")


def _pictured(facts: Mapping[str, Any]) -> str:
    """What of a file's arrays looks like a picture; empty for nothing."""
    return next(
        (
            f"has the shape {tuple(shape)} and the type {kind}"
            for shape, kind in zip(facts["shapes"].values(), facts["types"].values(), strict=True)
            if _is_picture(shape, kind)
        ),
        "",
    )


def _is_picture(shape: Sequence[int], kind: str) -> bool:
    """Bytes of two or three axes, or any numbers with channels last."""
    if len(shape) == 3 and shape[-1] in _CHANNELS and min(shape[:2]) > max(_CHANNELS):
        return True
    return kind == "uint8" and len(shape) in (2, 3) and min(shape[:2]) > 0
