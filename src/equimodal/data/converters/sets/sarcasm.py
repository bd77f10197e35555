"""Sarcasm: Cai, Cai and Wan, ACL 2019, https://aclanthology.org/P19-1239/.

The authors' layout (headacheboy/data-of-multimodal-sarcasm-detection): text/train.txt, valid2.txt
and test2.txt, each line a Python list [id, text, label], in valid2 and test2 with two labels, of
the hashtag and of an annotator, of which the authors' code takes the last; the images in
dataset_image/{id}.jpg. Their code leaves out texts with a word that gives the label away; what
stays is 19,816, 2,410 and 2,409 samples.
"""

import ast
from typing import Any

from equimodal.data.converters.layout import Layout
from equimodal.data.converters.table import Column, Row, Table
from equimodal.data.information import Facts
from equimodal.data.settings import flag
from equimodal.errors import DataError

FACTS = Facts(
    licence="none stated; tweets and images remain their authors'",
    origin="https://github.com/headacheboy/data-of-multimodal-sarcasm-detection",
    files=("text/train.txt, text/valid2.txt and text/test2.txt", "dataset_image/*.jpg"),
)
TELLING = frozenset(
    (
        "sarcasm", "sarcastic", "reposting", "<url>", "joke", "humour", "humor", "jokes", "irony",
        "ironic", "exgag",
    )
)  # fmt: skip
_LISTS = {"train": "train.txt", "validation": "valid2.txt", "test": "test2.txt"}
_LABELS = {0: "literal", 1: "sarcastic"}
_LONGEST = 20_000


def table(layout: Layout, *, filtered: bool = True) -> Table:
    """Whether a tweet with an image is sarcastic: text and image, 2 classes.

    Args:
        layout: the folder that holds text and dataset_image.
        filtered: leave out texts with words that give the label away, as the authors' code does.

    Raises:
        DataError: a list or the folder of images is missing, or a line is damaged.
    """
    filtering = flag("sarcasm.filtered", filtered)
    images = layout.folder("dataset_image")
    rows: list[Row] = []
    dropped = 0
    for split, name in _LISTS.items():
        listed = layout.file(f"text/{name}", name)
        for number, line in enumerate(layout.lines(listed), 1):
            sample, text, label = _sample(line, f"'{layout.root / listed}', line {number},")
            if filtering and not TELLING.isdisjoint(text.split()):
                dropped += 1
                continue
            path = f"{images}/{sample}.jpg"
            rows.append(Row(label, split, {"text": text, "image": path}, (path,)))
    notes = ["Published split; labels of validation and test by an annotator."]
    if filtering:
        notes.append(f"{dropped} texts with a word that gives the label away are left out.")
    return Table(rows, {"text": Column("text"), "image": Column("image")}, notes)


def _sample(line: str, where: str) -> tuple[str, str, str]:
    """Id, text and label of a line; a literal is read, nothing is run."""
    try:
        found: Any = ast.literal_eval(line.strip()) if len(line) < _LONGEST else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if (
        not isinstance(found, list)
        or len(found) not in (3, 4)
        or not str(found[0]).isdigit()
        or not isinstance(found[1], str)
        or found[-1] not in _LABELS
    ):
        raise DataError(f"{where} is {line[:60]!r}, expected ['id', 'text', 0 or 1].")
    return str(found[0]), found[1], _LABELS[found[-1]]
