"""The data sets by name. Nothing here imports torch before a set is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from equimodal.checks import require_known, require_path, require_settings, require_whole
from equimodal.data import converters
from equimodal.data.information import Facts, SourceInfo, described
from equimodal.data.settings import defaults
from equimodal.data.table import FORMS, is_manifest, short
from equimodal.errors import DataError, close_names

if TYPE_CHECKING:
    from equimodal.data.arrays import Arrays
    from equimodal.data.dataset import DataSource

_LOADERS = {
    "keypad": "equimodal.data.sets.keypad",
    "avdigits": "equimodal.data.sets.avdigits",
    "mosi": "equimodal.data.sets.mosi",
    "handwritten": "equimodal.data.sets.handwritten",
}


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(_LOADERS)


def describe(name: str) -> SourceInfo:
    """What the data set is, where its files come from, and its settings with their defaults.

    Raises:
        BalanceError: there is no such data set.
    """
    name = require_path("The name of a data set", name, error=DataError)
    return described(name, *_loader(name))


def check_settings(name: str, settings: Iterable[str]) -> None:
    """Raise `BalanceError` unless there is such a data set, with settings of these names."""
    require_settings(name, settings, defaults(_loader(name)[0]))


def load(
    name: str, *, root: str | Path | None = None, seed: int = 0, **settings: object
) -> DataSource:
    """The data set as tensors; pairs, noise and the validation split follow ``seed``.

    Args:
        name: one of :func:`names`, or the path of a manifest.
        root: folder that holds the files, for a set that is read from files; or what :func:`ready`
            returned for it.
        seed: the same seed gives the same data; the global random streams are not touched.
        settings: arguments of the set's loader, see :func:`describe`.

    Raises:
        BalanceError: the name or a setting is unknown.
        DataError: a setting's value is wrong, or a file is missing or damaged.
    """
    name = require_path("The name of a data set", name, error=DataError)
    if is_manifest(name):
        from equimodal.data.table.store.source import load as load_manifest  # imports torch

        return load_manifest(name, root, settings)
    loader, facts = _loader(name)
    require_settings(name, settings, defaults(loader))
    require_whole("seed", seed, low=0)
    arguments: dict[str, object] = {"seed": seed, **settings}
    if facts.files:
        arguments["root"] = _folder(name, root, facts)
    arrays = loader(**arguments)
    from equimodal.data.dataset import DataSource  # imports torch

    return DataSource.from_arrays(name, arrays)


def ready(
    name: str,
    root: str | Path | None = None,
    *,
    cache: str | Path | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> tuple[str, str | None]:
    """The name and the root by which every run loads a data set; a manifest is prepared here.

    Args:
        name: as in :func:`load`.
        root: as in :func:`load`.
        cache: folder of a manifest's decoded samples; by default in the user's cache.
        jobs: processes that read a manifest's files; by default one a processor.
        progress: show how far that is, on the error stream.

    Raises:
        DataError: a manifest has problems, or its cache cannot be written.
    """
    if not is_manifest(name):
        return name, None if root is None else str(Path(root).absolute())
    from equimodal.data.table.store.preparation import prepare

    folder = prepare(name, root=root, cache=cache, jobs=jobs, progress=progress)
    return short(name), str(folder)


def _loader(name: str) -> tuple[Callable[..., Arrays], Facts]:
    table = f", or the path of a table of your own ({FORMS})"
    near = close_names(name, [*_LOADERS, *converters.names()])
    if name not in _LOADERS and near and near[0] in converters.names():
        made = near[0]
        none = "" if name == made else f"There is no data set '{name}'. Did you mean '{made}'? "
        raise DataError(
            f"{none}'{made}' is made of its official files; write `equimodal data convert {made} "
            f"--data-root DIR --out {made}.csv`, then --data {made}.csv --data-root DIR. "
            f"`equimodal data {made}` says which files and where from."
        )
    if name not in _LOADERS and os.path.isdir(name):
        raise DataError(f"There is no data set '{name}'; for the folder here write {name}/.")
    require_known("data set", name, _LOADERS, table)
    module = import_module(_LOADERS[name])
    return getattr(module, name), module.FACTS


def _folder(name: str, root: str | Path | None, facts: Facts) -> Path:
    wanted = f"the folder that holds {', '.join(facts.files)}. Get them from {facts.origin}"
    if root is None:
        raise DataError(f"{name} is read from files: give the data root (--data-root), {wanted}.")
    folder = Path(root)
    if not os.path.isdir(folder):  # also of a name that no system takes
        raise DataError(f"The data root '{root}' is no folder; for {name} it is {wanted}.")
    return folder
