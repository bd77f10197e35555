"""What is said where the disk refuses."""

from __future__ import annotations

import errno
from pathlib import Path

from equimodal.errors import BalanceError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
OUT, DATA_ROOT = "--out", "--data-root"
"""Options that choose a place; --resume continues what was begun under the first."""


def disk_error(error: OSError, path: Path, option: str = OUT) -> BalanceError:
    """What an error of the operating system at ``path`` means and what to do about it.

    ``option`` chooses another place on the command line.
    """
    if error.errno in FULL:
        return no_space(path, str(error.strerror), option)
    if error.errno in _REFUSED:
        return BalanceError(
            f"'{path}' cannot be written ({error.strerror}); make the folder writable or choose "
            f"another one with {option}."
        )
    return BalanceError(f"'{path}' cannot be used ({error.strerror or error}); check {option}.")


def no_space(path: Path, reason: str, option: str = OUT) -> BalanceError:
    """An error that says that the disk is too small for what ``path`` is to hold."""
    again = " with --resume: what is finished" if option == OUT else ": what came so far"
    return BalanceError(
        f"There is no space left to write '{path}' ({reason}); free some space and repeat the "
        f"command{again} is kept."
    )
