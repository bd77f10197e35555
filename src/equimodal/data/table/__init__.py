"""A user's own data: a table with a label, a split and one column per modality, and no code.

``table`` reads the file, ``declaration`` the YAML beside it, ``roles`` says what each column is,
``survey`` fills in the settings that the files themselves give, ``decode`` turns one file into one
array, ``cache`` keeps the arrays, ``preparation`` does all of this once and writes down the
result, ``source`` opens it for training, and ``check`` reports on the data without training.
"""

from __future__ import annotations

from pathlib import Path

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".tar")


def is_manifest(name: str) -> bool:
    """Whether a data set's name is the name of a table."""
    return Path(name).suffix.lower() in SUFFIXES
