"""One file over HTTP: continued where it was cut, checked, and there as a whole or not at all.

Proxies are those of the environment (http_proxy, https_proxy, no_proxy), as urllib reads them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from equimodal.data.download.connection import Cut, Show, bring_rest, size_of
from equimodal.errors import BalanceError, DataError
from equimodal.storage.files import settle

Check = Callable[[Path], bool]


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    ``seconds`` without a byte end a connection; ``attempts`` in a row that bring nothing end the
    download, with a ``pause`` in seconds between two, doubled each time.
    """

    seconds: float = 30.0
    attempts: int = 3
    pause: float = 1.0


def fetch(
    url: str,
    path: Path,
    *,
    check: Check,
    limit: int,
    patience: Patience | None = None,
    show: Show = lambda done, total: None,
) -> None:
    """Make ``path`` the file at ``url``; what an earlier call had fetched is not fetched again.

    Args:
        url: an http or https address.
        path: the file; its folder exists.
        check: whether a file is the right one.
        limit: bytes that it has at most.
        patience: how long the server is waited for.
        show: told the bytes so far and, where known, in all.

    Raises:
        BalanceError: the server cannot be reached or refuses, or the disk is full.
        DataError: the file is another one than expected.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise BalanceError(f"'{url}' is no http or https address.")
    partial = path.with_name(f"{path.name}.part")
    fresh = not partial.exists()
    waiting = patience or Patience()
    _complete(url, partial, limit, waiting, show)
    if not check(partial) and not fresh:  # the file may have changed since its first part came
        partial.unlink()
        _complete(url, partial, limit, waiting, show)
    if not check(partial):
        raise _wrong(url, partial)
    settle(partial, path)


def _complete(url: str, partial: Path, limit: int, patience: Patience, show: Show) -> None:
    """Fetch until the whole file is there, over as many connections as it takes."""
    idle = 0
    while True:
        before = size_of(partial)
        try:
            return bring_rest(url, partial, limit, patience.seconds, show)
        except Cut as error:
            idle = 0 if size_of(partial) > before else idle + 1
            if idle >= patience.attempts:
                raise _unreachable(url, partial, error) from error
            time.sleep(patience.pause * 2 ** max(idle - 1, 0) * (idle > 0))


def _unreachable(url: str, partial: Path, reason: Exception) -> BalanceError:
    kept = f" {size_of(partial)} bytes are kept, a repeat goes on from there." * partial.exists()
    return BalanceError(
        f"{urlsplit(url).netloc} cannot be reached ({reason}).{kept} Check the network, or the "
        f"proxy in https_proxy; or fetch {url} by another way to "
        f"'{partial.with_suffix('')}' and repeat."
    )


def _wrong(url: str, partial: Path) -> DataError:
    found = size_of(partial)
    partial.unlink()
    return DataError(
        f"{url} is not the file that was published: the checksum of its {found} bytes is wrong. "
        "Nothing was kept; repeat the command, or name a mirror with --from."
    )
