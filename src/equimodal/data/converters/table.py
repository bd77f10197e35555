"""What a converter returns: the samples of a data set as rows that a manifest can hold."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["image", "sound", "video", "text", "sequence", "vector"]
Work = Callable[[Path], None]
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Column:
    """A modality of the manifest; a text stands in its cell, all other kinds are paths."""

    kind: Kind
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A sample.

    ``values`` holds a path relative to the data root, or a text, for each modality. ``sources``
    are the original files that it needs, relative to the data root too. Samples of one ``group``
    (an actor, a film) belong into one split where validation is drawn.
    """

    label: str
    split: str
    values: Mapping[str, str]
    sources: Sequence[str]
    group: str = ""


@dataclass(frozen=True)
class Table:
    """A data set as a manifest holds it.

    ``derived`` says how each file is made that the original layout lacks, by its path relative to
    the data root; ``notes`` are sentences on the splits and on what was decided.
    """

    rows: Sequence[Row]
    columns: Mapping[str, Column]
    notes: Sequence[str]
    derived: Mapping[str, Work] = field(default_factory=dict)
