"""A user's own data: a table with a label, a split and one column per modality, and no code.

``table`` reads the file, ``declaration`` the YAML beside it, ``roles`` says what each column is,
``survey`` fills in the settings that the files themselves give, ``decode`` turns one file into one
array, ``cache`` keeps the arrays, ``preparation`` does all of this once and writes down the
result, ``source`` opens it for training, and ``check`` reports on the data without training.
"""

from __future__ import annotations

import os
from pathlib import Path

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".tar")
FORMS = f"{', '.join(SUFFIXES)}, or a folder of Hugging Face datasets, as my_dataset/"
"""Tables by their names, as messages say it."""


def is_manifest(name: str) -> bool:
    """Whether a data set's name is the name of a table."""
    return Path(name).suffix.lower() in SUFFIXES or is_folder(name)


def is_folder(name: str) -> bool:
    """Whether a name is that of a folder: it has a slash, as built-in sets have none."""
    return name.endswith("/") or ("/" in name and os.path.isdir(name))


def short(name: str) -> str:
    """A table's name without the folder that it lies in."""
    return Path(name).name + "/" * is_folder(name)


def absolute(name: str) -> str:
    """A table's path from any folder."""
    return str(Path(name).absolute()) + "/" * is_folder(name)


def stem_of(table: str | Path) -> str:
    """A table's name without suffix, which that of a folder has none."""
    path = Path(table)
    return path.stem if path.suffix.lower() in SUFFIXES else path.name
