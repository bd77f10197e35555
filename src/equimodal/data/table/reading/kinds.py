"""The kind of a column, inferred from its cells and from the files that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from equimodal.data.table.items.numbers import is_list_of_numbers
from equimodal.data.table.items.pool import answers
from equimodal.data.table.items.work import Task
from equimodal.data.table.reading.findings import Unfit
from equimodal.data.table.reading.formats import FAMILY, PICKLES, extension
from equimodal.data.table.reading.paths import located
from equimodal.data.table.reading.settings import KINDS
from equimodal.errors import DataError

_SAMPLE = 200
_TRIES = 20
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
    sentences = sum(len(cell.split()) > 1 for cell in sample)
    return "text" if 2 * sentences > len(sample) else None


def _family(cell: str) -> str:
    """What the extension of a path says: image, sound, video, array, text, pickle or ""."""
    named = extension(cell)
    return "pickle" if named in PICKLES else FAMILY.get(named, "")


def _kind_of_arrays(name: str, cells: Sequence[str], root: str) -> str:
    """The kind by the number of axes of the first array that can be opened."""
    reason = ""
    for cell, shapes, wrong in _measured(cells[:_TRIES], root):
        if wrong:
            reason = f"'{cell}' {wrong}"
            continue
        if len(shapes) == 1 and len(shape := next(iter(shapes.values()))) in _BY_AXES:
            # A table of one line or one column is a vector.
            flat = extension(cell) == "csv" and 1 in shape
            return "vector" if flat else _BY_AXES[len(shape)]
        reason = f"'{cell}' holds {shapes}"
    raise DataError(
        f"The kind of the column '{name}' cannot be inferred ({reason}); declare it in the YAML "
        f"beside the table, as modalities: {{{name}: {{kind: vector}}}}."
    )


def _measured(cells: Sequence[str], root: str) -> Iterator[tuple[str, dict[str, list[int]], str]]:
    """Of each array its cell, its shapes, or what is wrong with it; not read in this process."""
    entries, wrong = [], {}
    for index, cell in enumerate(cells):
        try:
            entries.append((index, located(cell, root)[0]))
        except (Unfit, OSError) as error:
            wrong[index] = str(error)
    found = {}
    for outcomes, _ in answers(Task("measure", "spectrogram", True, {}), entries, jobs=1):
        for outcome in outcomes:
            if "problem" in outcome:
                wrong[outcome["i"]] = outcome["problem"][1]
            else:
                found[outcome["i"]] = outcome["facts"]["shapes"]
    for index, cell in enumerate(cells):
        yield cell, found.get(index, {}), wrong.get(index, "")
