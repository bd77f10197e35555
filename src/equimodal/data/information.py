"""What is known of a data set before it is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """A loader's facts: licence, where a user gets the files, and the files under the root."""

    licence: str
    origin: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class SourceInfo:
    """A data set's description.

    ``files`` are expected under the data root (none: the set is generated); ``settings`` maps
    each setting to its default and ``meanings`` to its explanation.
    """

    name: str
    summary: str
    licence: str
    origin: str
    files: tuple[str, ...]
    settings: dict[str, object]
    meanings: dict[str, str]
