"""Files that survive a kill: written whole or not at all, in folders that one process owns."""

import errno
import fcntl
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from equimodal.errors import BalanceError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file to write whose content becomes ``path`` as a whole when the block ends well.

    Content and name are forced to the disk; until then a former ``path`` stays as it was.

    Raises:
        BalanceError: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _force_names(path.parent)
    except BaseException as error:
        _discard(temporary)
        if isinstance(error, OSError):
            raise storage_error(error, path) from error
        raise


def write_json(path: Path, value: object) -> None:
    """Write ``value`` as JSON, atomically; NaN and infinity are refused."""
    text = json.dumps(value, indent=1, allow_nan=False)
    with atomic(path) as file:
        file.write(text.encode())


def read_json(path: Path, *, remedy: str | None = None) -> dict[str, Any]:
    """The JSON object that `write_json` wrote.

    Args:
        path: the file.
        remedy: what to do where it is damaged; by default, to delete its folder.

    Raises:
        BalanceError: the file cannot be read or holds no JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise storage_error(error, path) from error
    except ValueError as error:
        raise _damaged(path, error, remedy) from error
    if not isinstance(found, dict):
        raise _damaged(path, "no JSON object", remedy)
    return found


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain data, atomically."""
    import torch  # takes a second, and who only writes files needs none

    with atomic(path) as file:
        torch.save(dict(content), file)


def load_checkpoint(path: Path, *, remedy: str | None = None) -> dict[str, Any]:
    """What `save_checkpoint` wrote, its checksums verified, on the CPU.

    Args:
        path: the file.
        remedy: what to do where it is damaged; by default, to delete its folder.

    Raises:
        BalanceError: the file is truncated or damaged; the message names it.
    """
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise _damaged(path, f"the checksum of {damaged} is wrong", remedy)
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except BalanceError:
        raise
    except Exception as error:  # a damaged file can fail anywhere inside the reader
        raise _damaged(path, error, remedy) from error
    return content


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents.

    Raises:
        BalanceError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error


@contextmanager
def locked(
    folder: Path,
    *,
    patience: float = 10.0,
    option: str = "--out",
    waits: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Own ``folder`` alone while the block runs; the system frees it when the process dies.

    Args:
        folder: an existing folder.
        patience: seconds to wait for a former owner that is just ending.
        option: what chooses another folder on the command line.
        waits: called once where another process owns the folder and is waited for.

    Raises:
        BalanceError: another process owns the folder, or it cannot be written.
    """
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise storage_error(error, folder) from error
    try:
        if not _acquired(descriptor, folder):
            if waits and patience:
                waits()
            _acquire(descriptor, folder, time.monotonic() + patience, option)
        yield
    finally:
        os.close(descriptor)


def storage_error(error: OSError, path: Path) -> BalanceError:
    """What an error of the operating system at ``path`` means and what to do about it."""
    if error.errno in FULL:
        return BalanceError(
            f"There is no space left to write '{path}' ({error.strerror}); free some space and "
            "repeat the command with --resume: what is finished is kept."
        )
    if error.errno in _REFUSED:
        return BalanceError(
            f"'{path}' cannot be written ({error.strerror}); make the folder writable or choose "
            "another one with --out."
        )
    return BalanceError(f"'{path}' cannot be used ({error.strerror or error}); check --out.")


def _damaged(path: Path, reason: object, remedy: str | None = None) -> BalanceError:
    instead = f"delete the folder '{path.parent}' and repeat with --resume to do this part again"
    return BalanceError(
        f"'{path}' is damaged or incomplete ({str(reason).split('. ')[0] or 'empty file'}); "
        f"{remedy or instead}."
    )


def _acquire(descriptor: int, folder: Path, deadline: float, option: str) -> None:
    while not _acquired(descriptor, folder):
        if time.monotonic() > deadline:
            raise BalanceError(
                f"Another process is writing in '{folder}'; wait until it ends, or choose another "
                f"folder with {option}."
            )
        time.sleep(0.05)


def _acquired(descriptor: int, folder: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise storage_error(error, folder) from error
    return True


def _force_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
