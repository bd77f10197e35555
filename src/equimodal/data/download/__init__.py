"""Files of data sets whose licence allows to fetch them; for all others, where to get them."""

from __future__ import annotations

from pathlib import Path

from equimodal import data
from equimodal.checks import require_known
from equimodal.data import converters
from equimodal.data.download import fsdd_archive, mnist_files
from equimodal.data.download.fetch import Check, Patience, fetch
from equimodal.data.download.meter import meter
from equimodal.data.information import SourceInfo
from equimodal.errors import BalanceError, DataError
from equimodal.storage.console import Console
from equimodal.storage.disk import DATA_ROOT
from equimodal.storage.files import make_folder

FETCHED = {"fsdd": ("fsdd",), "mnist": ("mnist",), "avdigits": ("fsdd", "mnist")}


def names() -> tuple[str, ...]:
    """The names that `get` knows: sets that are fetched, and all others."""
    return tuple(dict.fromkeys([*FETCHED, *data.names(), *converters.names()]))


def get(
    name: str,
    *,
    root: str | Path | None = None,
    mirror: str | None = None,
    patience: Patience | None = None,
    console: Console | None = None,
) -> str:
    """Fetch what can be fetched; -> what was done, or what to fetch by hand and on which terms.

    What is there and right is not fetched again, and a download that was cut goes on.

    Args:
        name: one of `names()`.
        root: the data root; needed where something is fetched.
        mirror: another address of the folder that holds the files.
        patience: how long the server is waited for.
        console: shows the progress; standard error by default.

    Raises:
        BalanceError: the name is unknown, the root is missing, the server cannot be reached, or
            the disk is full.
        DataError: a file is another one than published.
    """
    require_known("data set", name, names())
    if name not in FETCHED:
        return _by_hand(name)
    folder = _folder(name, root, mirror)
    console = console or Console(stderr=True)
    for part in FETCHED[name]:
        _GETTERS[part](folder, mirror, patience, console)
    terms = "\n".join(_TERMS[part] for part in FETCHED[name])
    return f"{', '.join(FETCHED[name])}: complete in {folder}\n{terms}"


def _folder(name: str, root: str | Path | None, mirror: str | None) -> Path:
    if root is None:
        raise BalanceError(f"{name} needs a folder for its files; write --data-root DIR.")
    if mirror is not None and len(FETCHED[name]) > 1:
        raise BalanceError(
            f"--from names one folder, {name} comes from {len(FETCHED[name])}; get "
            f"{' and '.join(FETCHED[name])} one by one."
        )
    return Path(root)


def _get_mnist(root: Path, mirror: str | None, patience: Patience | None, console: Console) -> None:
    folder = root / "mnist"
    make_folder(folder, DATA_ROOT)
    for name in mnist_files.FILES:
        path = folder / name
        if path.exists() and not mnist_files.right(path):
            raise _foreign(path)
        if not path.exists():
            address = (mirror or mnist_files.ADDRESS).rstrip("/") + "/" + name
            _fetch(address, path, mnist_files.right, mnist_files.limit(name), patience, console)


def _get_fsdd(root: Path, mirror: str | None, patience: Patience | None, console: Console) -> None:
    folder = root / "fsdd" / "recordings"
    if folder.is_dir():
        if not fsdd_archive.complete(folder):
            raise _foreign(folder)
        return
    make_folder(folder.parent, DATA_ROOT)
    archive = folder.parent / fsdd_archive.ARCHIVE
    if not archive.exists():
        address = (mirror or fsdd_archive.ADDRESS).rstrip("/") + "/" + fsdd_archive.ARCHIVE
        _fetch(address, archive, fsdd_archive.readable, fsdd_archive.LIMIT, patience, console)
    fsdd_archive.unpack(archive, folder)
    archive.unlink()


def _fetch(
    url: str, path: Path, check: Check, limit: int, patience: Patience | None, console: Console
) -> None:
    with meter(path.name, console) as show:
        fetch(url, path, check=check, limit=limit, patience=patience, show=show)


def _foreign(path: Path) -> DataError:
    return DataError(
        f"'{path}' is there, but is not what was published; move it away and repeat the command."
    )


def _by_hand(name: str) -> str:
    """What to fetch where, on which terms, and what to do then."""
    info = (converters if name in converters.names() else data).describe(name)
    if not info.files:
        return f"{name} is made on the spot: there is nothing to fetch."
    return "\n".join(
        [
            f"{name} is not fetched for you: see its terms first.",
            f"terms:  {info.licence}",
            f"from:   {info.origin}",
            f"files:  under the data root: {', '.join(info.files)}",
            f"then:   {_next(info)}",
        ]
    )


def _next(info: SourceInfo) -> str:
    if info.name in converters.names():
        return f"equimodal data convert {info.name} --data-root DIR --out {info.name}.csv"
    return f"equimodal compare --data {info.name} --data-root DIR"


_GETTERS = {"fsdd": _get_fsdd, "mnist": _get_mnist}
_TERMS = {"fsdd": fsdd_archive.TERMS, "mnist": mnist_files.TERMS}
