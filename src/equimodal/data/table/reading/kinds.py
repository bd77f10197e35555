"""The kind of a column, inferred from its cells and from the files that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from equimodal.data.table.items.array_files import array_shape
from equimodal.data.table.items.decode import opened
from equimodal.data.table.items.numbers import is_list_of_numbers
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
    for cell in cells[:_TRIES]:
        try:
            shapes = _shapes(cell, root)
        except (Unfit, OSError) as error:
            reason = f"'{cell}' {error}"
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


def _shapes(cell: str, root: str) -> dict[str, list[int]]:
    path, (size, _) = located(cell, root)
    with open(path, "rb") as file:
        return array_shape(opened(file, path, size)[0])
