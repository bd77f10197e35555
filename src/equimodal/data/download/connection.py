"""One HTTP connection that brings what is missing of a file, or says why it does not."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from equimodal import __version__
from equimodal.errors import BalanceError, DataError
from equimodal.storage.disk import DATA_ROOT, disk_error, no_space

Show = Callable[[int, int | None], None]
_BLOCK = 1 << 16
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class Cut(Exception):
    """The connection ended before the file; the rest may come from another one."""


def bring_rest(url: str, partial: Path, limit: int, seconds: float, show: Show) -> None:
    """Append what one connection brings.

    Raises:
        Cut: it brings less than the rest.
    """
    start = size_of(partial)
    headers = {"User-Agent": f"equimodal/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        # An opener of its own: the shared one keeps the proxies of its first use.
        with urllib.request.build_opener().open(request, timeout=seconds) as response:
            offset, total = _extent(response, start)
            _checksize_of(url, total, limit, partial, offset)
            with open(partial, "ab") as file:
                file.truncate(offset)
                _copy(response, file, offset, total, limit, show)
    except urllib.error.HTTPError as error:
        _explain_status(error, url, partial, start)
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise Cut(error) from error
    except urllib.error.URLError as error:
        raise Cut(error.reason) from error
    except OSError as error:
        if error.filename is not None:
            raise disk_error(error, partial, DATA_ROOT) from error
        raise Cut(error) from error


def _extent(response: http.client.HTTPResponse, start: int) -> tuple[int, int | None]:
    """Where in the file the answer starts, and the size of the file where it is known."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != start:
            raise Cut("the server answered with another part than it was asked for")
        return start, None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _checksize_of(url: str, total: int | None, limit: int, partial: Path, offset: int) -> None:
    if total is None:
        return
    if total > limit:
        raise DataError(f"{url} has {total} bytes, more than the {limit} that were expected.")
    disk = os.statvfs(partial.parent)
    free = disk.f_bavail * disk.f_frsize
    if total - offset > free:
        raise no_space(partial, f"{total - offset} bytes are to come, {free} are free", DATA_ROOT)


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    done: int,
    total: int | None,
    limit: int,
    show: Show,
) -> None:
    while block := response.read(_BLOCK):
        done += len(block)
        if done > limit:
            raise DataError(f"{response.url} goes on after the {limit} bytes that were expected.")
        _append(file, block)
        show(done, total)
    if total is not None and done < total:
        raise Cut(f"it ended after {done} of {total} bytes")


def _append(file: BinaryIO, block: bytes) -> None:
    try:
        file.write(block)
        file.flush()
    except OSError as error:
        raise disk_error(error, Path(file.name), DATA_ROOT) from error


def _explain_status(error: urllib.error.HTTPError, url: str, partial: Path, start: int) -> None:
    """Nothing, where the file is whole already.

    Raises:
        Cut: another attempt may help.
        BalanceError: none will.
    """
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
        if error.headers.get("Content-Range") == f"bytes */{start}":
            return
        with suppress(FileNotFoundError):
            partial.unlink()
        raise Cut("the file has become shorter") from error
    if error.code in _BUSY:
        raise Cut(f"HTTP {error.code} {error.reason}") from error
    raise BalanceError(
        f"{urlsplit(url).netloc} answers HTTP {error.code} ({error.reason}) for {url}; check the "
        "address or the proxy, or name a mirror with --from."
    ) from error


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
