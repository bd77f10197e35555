"""Files and folders made under the data root, and what is said where the disk refuses."""

from __future__ import annotations

from pathlib import Path

from equimodal.errors import BalanceError
from equimodal.storage.files import FULL


def make_folders(folder: Path) -> None:
    """Create ``folder``, which lies under the data root, and its parents.

    Raises:
        BalanceError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder) from error


def disk_error(error: OSError, path: Path) -> BalanceError:
    """What an error of the operating system at ``path`` means and what to do about it."""
    if error.errno in FULL:
        return no_space(path, str(error.strerror))
    return BalanceError(
        f"'{path}' cannot be written ({error.strerror or error}); make it writable, or choose "
        "another --data-root."
    )


def no_space(path: Path, reason: str) -> BalanceError:
    """An error that says that the disk is too small for what ``path`` is to hold."""
    return BalanceError(
        f"There is no space left to write '{path}' ({reason}); free some space and repeat the "
        "command: what came so far is kept."
    )
