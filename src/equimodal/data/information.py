"""What is known of a data set before it is read, and what results say of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equimodal.data.settings import defaults
from equimodal.data.target import CLASSES, Target
from equimodal.docstrings import argument_docs

if TYPE_CHECKING:
    from equimodal.data.dataset import DataSource


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


def told_of(source: DataSource) -> dict[str, Any]:
    """What results.json says of a data set."""
    return {
        "name": source.name,
        **_task(source.target),
        "modalities": {
            name: {
                "kind": modality.kind,
                "shape": list(modality.shape),
                **({"missing": True} if modality.missing else {}),
            }
            for name, modality in source.modalities.items()
        },
        "classes": list(source.classes),
        "sizes": {
            "train": len(source.train),
            "validation": len(source.validation),
            "test": len(source.test),
        },
        "note": source.note,
    }


def _task(target: Target) -> dict[str, Any]:
    """The task and its main score, where they are no classes and their accuracy."""
    found: dict[str, Any] = {"task": target.task, "score": target.score}
    if target.weight:
        found["weight"] = list(target.weight)
    if target.scale:
        found |= {"mean": list(target.mean), "scale": list(target.scale)}
    return {} if target == CLASSES else found
