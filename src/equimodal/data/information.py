"""What is known of a data set before it is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from equimodal.data.settings import defaults
from equimodal.docstrings import argument_docs


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


def described(name: str, loader: Callable[..., object], facts: Facts) -> SourceInfo:
    """What a loader's docstring, arguments and facts say of the data set ``name``."""
    documentation = inspect.getdoc(loader) or ""
    meanings = argument_docs(documentation)
    settings = defaults(loader)
    return SourceInfo(
        name=name,
        summary=documentation.partition("\n")[0],
        licence=facts.licence,
        origin=facts.origin,
        files=facts.files,
        settings=settings,
        meanings={setting: meanings.get(setting, "") for setting in settings},
    )
