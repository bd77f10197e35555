"""Folders that one process owns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from equimodal.errors import BalanceError
from equimodal.storage.disk import OUT, disk_error


@contextmanager
def locked(
    folder: Path,
    *,
    patience: float = 10.0,
    option: str = OUT,
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
    if (folder / ".lock").is_symlink():
        raise BalanceError(
            f"'{folder / '.lock'}' is a link, which this program never makes; delete it, or choose "
            f"another folder with {option}."
        )
    # Not soft: where the system has no locks, a mere file would outlive a process that is killed.
    lock = FileLock(folder / ".lock", fallback_to_soft=False)
    try:
        _acquire(lock, patience, waits)
    except Timeout as error:
        raise BalanceError(
            f"Another process is writing in '{folder}'; wait until it ends, or choose another "
            f"folder with {option}."
        ) from error
    except OSError as error:
        raise disk_error(error, folder, option) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, patience: float, waits: Callable[[], None] | None) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if waits and patience:
            waits()
        lock.acquire(timeout=patience)
